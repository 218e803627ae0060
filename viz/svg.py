"""Graphviz's SVG made fit for pages: no ids, a title, colours for the dark, lines in the middle.

Graphviz lays out with the fonts it finds, a browser draws with its own. So each line of a box is
anchored in the middle of its box, and stays there whatever the font and even if a script changes
it. The dark colours are a rule inside the picture, under the attributes that Graphviz wrote.
"""

from __future__ import annotations

import re

from glassgrad.viz.dot import DATA, FAINT, FAN, FRAME, GRADIENT, INK, OPERATION, PAPER

CLASS = "glassgrad-graph"
"""The class of every picture: its style reaches no other on the page."""
DARK = {
    DATA: "#56B4E9",
    GRADIENT: "#E69F00",
    INK: "#ececec",
    FAINT: "#b0b0b0",
    FAN: "#8f8f8f",
    PAPER: "#1c1c1e",
    FRAME: "#262629",
    OPERATION: "#3a3a3d",
}
"""What each colour becomes where the reader prefers the dark."""

_BOX = re.compile(r'<g data-n="\d+" class="node">.*?</g>', re.DOTALL)
_LINE = re.compile(r'(<text [^>]*)text-anchor="start" x="[^"]*"( y="([^"]*)")')


def page_svg(svg: bytes, heading: str) -> str:
    """Graphviz's picture to put inside a page, with a heading of XML: its title and description.

    Example:
        >>> from glassgrad.viz.svg import page_svg
        >>> page_svg(b'<?xml?><svg width="1pt"><g id="n0"/></svg>', "<title>A</title>")[:64]
        '<svg width="1pt" class="glassgrad-graph" role="img"><title>A</ti'
    """
    text = _BOX.sub(_centred, tidy_svg(svg))
    end = text.index(">")
    head = f'{text[:end]} class="{CLASS}" role="img">{heading}'
    return f"{head}<style>{_dark_style()}</style>{text[end + 1 :]}"


def tidy_svg(svg: bytes) -> str:
    """An SVG picture without prologue, comments, ids and tool tips; parts say what they show."""
    text = svg.decode("utf-8", "replace")
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"<title>.*?</title>\n?", "", text, flags=re.DOTALL)
    text = re.sub(r' id="(?:graph|node|edge|clust|a_)[^"]*"', "", text)
    return re.sub(r' id="([neorb])(\d+(?:_\d+)?)"', r' data-\1="\2"', text)


def _centred(box: re.Match[str]) -> str:
    """A box with its lines anchored in the middle; a line of several runs stays as it is."""
    outline = re.search(r'<(?:path|polygon)[^>]* (?:d|points)="([^"]*)"', box[0])
    heights = [line[3] for line in _LINE.finditer(box[0])]
    if outline is None:
        return box[0]
    across = [float(x) for x in re.findall(r"(-?[\d.]+),", outline[1])]
    middle = f"{(min(across) + max(across)) / 2:.2f}".rstrip("0").rstrip(".")

    def anchored(line: re.Match[str]) -> str:
        if heights.count(line[3]) > 1:
            return line[0]
        return f'{line[1]}text-anchor="middle" x="{middle}"{line[2]}'

    return _LINE.sub(anchored, box[0])


def _dark_style() -> str:
    rules = "".join(
        f'.{CLASS} [{kind}="{light.lower()}"]{{{kind}:{dark}}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme:dark){{{rules}}}"
