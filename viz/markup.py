"""Pictures in pages: Graphviz's SVG made fit for them, images, tables, whole documents.

Graphviz lays out with the fonts it finds, a browser draws with its own. So each line of a box
begins at its left edge, and stays there whatever the font and even if a script changes it. The dark
colours are a rule inside the picture, under the attributes that Graphviz wrote. Nothing is loaded
from anywhere. Who cannot see a picture reads the table, which says the same.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from glassgrad.viz.dot import DATA, FAINT, FAN, FRAME, GRADIENT, INK, OPERATION, PAPER
from glassgrad.viz.render import RendererMissingError, RenderingError

CLASS = "glassgrad-graph"  # the class of every picture: its style reaches no other on the page
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

Rewrite = tuple[str, str | Callable[[re.Match[str]], str]]
_TIDY: Sequence[Rewrite] = (
    (r"^.*?(?=<svg)", ""),
    (r"<!--.*?-->\n?", ""),
    (r"<title>.*?</title>\n?", ""),
    (r'<polygon fill="(#\w+)" stroke="\1" points="(\S+,(\S+)) \2 (\S+),\3 [^"]*"/>',
     r'<path stroke="\1" d="M\2H\4"/>'),
    (r'(<polygon fill="(#\w+)") stroke="\2"', r"\1"),  # the heads of arrows
    (r' points="(\S+) ([^"]*) \1"', r' points="\1 \2"'),
    (r' id="(?:graph|node|edge|clust|a_)[^"]*"', ""),
    (r' id="([neorb])(\d+(?:_\d+)?)"', r' data-\1="\2"'),
)  # fmt: skip
"""A picture without prologue, comments, ids and tool tips; parts say what they show."""


def _rewritten(text: str, rules: Sequence[Rewrite]) -> str:
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text


def page_svg(svg: bytes, title: str, description: str) -> str:
    """Graphviz's picture to put inside a page, with what screen readers say of it."""
    text = _rewritten(svg.decode("utf-8", "replace"), _TIDY)
    end = text.index(">")
    spoken = f"<title>{title}</title><desc>{html.escape(description)}</desc>"
    head = f'{text[:end]} class="{CLASS}" role="img">{spoken}'
    dark = _in_the_dark(_dark_rules(text, f".{CLASS} "))
    return f"{head}<style>{dark}</style>{text[end + 1 :]}"


def _in_the_dark(rules: str) -> str:
    return f"@media (prefers-color-scheme:dark){{{rules}}}"


def _dark_rules(svg: str, within: str = "") -> str:
    """The rules for the colours that a picture has."""
    return "".join(
        f'{within}[{kind}="{light.lower()}"]{{{kind}:{dark}}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
        if f'{kind}="{light.lower()}"' in svg
    )


# The same picture in fewer bytes, for a page in which it is an image of its own.

_USUAL = ' font-size="12.00" font-family="Helvetica,Arial,sans-serif"'
"""What most texts of a picture have."""
_LOOKS = {
    "rect": {"fill": PAPER, "stroke": FAN},
    "path": {"fill": "none", "stroke": FAN},
    "circle": {"fill": OPERATION, "stroke": FAN},
}
"""How most shapes look: boxes, lines and operations."""


def compact_svg(svg: str) -> str:
    """A picture of `page_svg` with what is usual once, and coordinates to a tenth of a point.

    Only attributes are touched: in a text there is no quotation mark, but its escape. An image has
    a text of its own, so its title is left out, and nothing reaches the parts of one.
    """
    svg = re.sub(f"(?:{_PART})+", _together, _rewritten(svg, _COMPACT))
    for shape, look in _LOOKS.items():
        usual = "".join(f' {name}="{color.lower()}"' for name, color in look.items())
        svg = svg.replace(f"<{shape}{usual}", f"<{shape}")
    style = _looks() + _in_the_dark(_dark_rules(svg) + _looks(DARK))
    svg = svg.replace(">", f"><style>{style}</style>", 1)
    return re.sub(r"""="([^"']*)\"""", r"='\1'", svg)  # which an attribute may have in it


_PART = r"<(\w+)([^>]*?)(?:/>|>([^<]*)</text>)"
_PLACE = r' (?:d|points|[xy])="[^"]*"'


def _together(run: re.Match[str]) -> str:
    """Parts of a picture, of which those that look the same are one path or one group of texts.

    Lines lie over what is filled, heads of arrows over lines, texts over all: nothing is covered.
    """
    alike: dict[tuple[int, str, str], list[tuple[str, str]]] = {}
    for shape, attributes, text in re.findall(_PART, run[0]):
        look, place = re.sub(_PLACE, "", attributes), "".join(re.findall(_PLACE, attributes))
        is_line = shape == "path" and ("fill=" not in look or 'fill="none"' in look)
        is_head = shape == "polygon" and "stroke=" not in look
        layer = 3 if shape == "text" else 2 if is_head else int(is_line)
        alike.setdefault((layer, shape, look), []).append((place, text))
    return "".join(_as_one(*key[1:], alike[key]) for key in sorted(alike, key=lambda key: key[0]))


def _as_one(shape: str, look: str, parts: Sequence[tuple[str, str]]) -> str:
    if shape == "text":
        return f"<g{look}>{''.join(f'<text{place}>{text}</text>' for place, text in parts)}</g>"
    if shape not in ("path", "polygon"):
        return "".join(f"<{shape}{look}{place}/>" for place, _ in parts)
    lines = [re.sub("[ ,]-", "-", place.split('"')[1]) for place, _ in parts]
    if shape == "polygon":
        lines = [f"M{outline}z" for outline in lines]
        look += "" if "stroke=" in look else ' stroke="none"'
    return f'<path{look} d="{"".join(lines)}"/>'


def _looks(colors: Mapping[str, str] = {}) -> str:
    """The rules for shapes that do not say how they look; or the colours instead of the usual."""
    rules = []
    for shape, look in _LOOKS.items():
        shown = {name: colors.get(color) if colors else color for name, color in look.items()}
        texts = (f"{name}:{color}" for name, color in shown.items() if color)
        rules.append(f"{shape}:not([{[*look][-1]}]){{{';'.join(texts)}}}")
    return "".join(rules)


def _boxed(path: re.Match[str]) -> str:
    """The outline of a box with round corners as a rectangle."""
    top, corner, *sides = map(float, path.groups()[2:])
    (left, right), (low, high) = sorted(sides[::2]), sorted((top, sides[1]))
    radius = min(corner - left, right - corner)
    sizes = {"x": left, "y": low, "width": right - left, "height": high - low, "rx": radius}
    texts = (f' {name}="{_tenths(size)}"' for name, size in sizes.items())
    return f"<rect{path[1]}{''.join(texts)}/>"


def _shortened(attribute: re.Match[str]) -> str:
    """Coordinates in fewer characters; a curve whose handles lie in its ends is a line."""
    numbers = re.sub(r"-?\d+\.\d+", lambda number: _tenths(float(number[0])), attribute[0])
    return _rewritten(numbers, _STRAIGHT) if "C" in numbers else numbers


def _tenths(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


_STRAIGHT: Sequence[Rewrite] = (
    (r'"M(\S+)C\1 (\S+) \2 ', r'"M\1L\2C'),
    (r" (\S+) \1 (\S+) \2 ", r" \1L\2C"),
    (r'"M(\S+),(\S+)C\S+,\2 \S+,\2 (\S+),\2"', r'"M\1,\2H\3"'),
)
_COMPACT: Sequence[Rewrite] = (
    (r"<title>.*?</style>", ""),
    (r">\n<", "><"),
    (r'<g data-\w+="[^"]*" class="\w+">([^\n]*?)</g>', r"\1"),
    (r' (?:xml:space="preserve"|xmlns:xlink="[^"]*"|class="graph")', ""),
    (f' class="{CLASS}" role="img"', ""),
    (' text-anchor="start"', ""),
    (_USUAL.replace('" ', '"| ').replace(".", r"\."), ""),
    ("<svg", f"<svg{_USUAL}"),
    ("&#45;", "-"),
    (r"scale\(1 1\) rotate\(0\) ", ""),
    (r' (?:d|points|[cr]?[xy]|width|height|viewBox|font-size)="[^"]*"', _shortened),
    (r'<ellipse([^>]*) rx="(\S+)" ry="\2"', r'<circle\1 r="\2"'),
    (r'<path([^>]*?) d="M(\S+),(\S+)L(\S+),\3C\S+ (\S+),\S+ \5,\S+L\5,\S+C\5,\S+ \S+,(\S+) \4,'
     r'\6L\2,\6C\S+,\6 (\S+),\S+ \7,\S+L\7,\S+C\7,\S+ \S+,\3 \2,\3"/>', _boxed),
)  # fmt: skip


DOCUMENT_STYLE = (
    ":root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --line: #767676 }"
    "@media (prefers-color-scheme: dark) {"
    " :root { --ink: #ececec; --paper: #1c1c1e; --line: #8f8f8f } }"
    "body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);"
    " margin: 24px auto; max-width: 1124px; padding: 0 16px }"
    "h1 { font-size: 1.4em; font-weight: 600; margin: 0 0 8px; overflow-wrap: anywhere }"
    "figure { margin: 0; overflow-x: auto } svg { max-width: 100%; height: auto }"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums }"
    "th, td { text-align: left; padding: 3px 16px 3px 0; border-bottom: 1px solid var(--line) }"
    ":focus-visible { outline: 3px solid #0069A8; outline-offset: 2px }"
)


def document(title: str, body: str, style: str = DOCUMENT_STYLE) -> str:
    """A whole HTML document with its title as a heading, light and dark by its style."""
    title = html.escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n"
    )


def paragraph(text: str) -> str:
    """A text as a paragraph; "" for none."""
    return f"<p>{html.escape(text)}</p>" if text else ""


def picture_or_advice(picture: Callable[[], str]) -> str:
    """What draws a picture; where there is no Graphviz, or it fails, the advice instead."""
    try:
        return picture()
    except (RendererMissingError, RenderingError) as error:
        return paragraph(str(error))


def figure(picture: str, kind: str = "", style: str = "", label: str = "Picture") -> str:
    """A picture in a box that scrolls and can be reached by keyboard."""
    return scroller(picture, kind, label, style, "figure")


def scroller(content: str, kind: str, label: str, style: str = "", tag: str = "div") -> str:
    """A part of a page in a box of this class, which scrolls and can be reached by keyboard."""
    look = (f' class="{kind}"' if kind else "") + (f' style="{style}"' if style else "")
    keys = f'tabindex="0" role="group" aria-label="{html.escape(label)}"'
    return f'<{tag}{look} {keys} data-lm-suppress-shortcuts="true">{content}</{tag}>'


def image(svg: str, alternative: str, style: str = "") -> str:
    """A picture as an image, which survives where inline SVG does not, with its text.

    It is written as it is, but for what would end the attribute or the address; in base64 it would
    be a third longer, and twice as long once a server has compressed the page.
    """
    encoded = svg.translate(_ESCAPES)
    look = f' style="{style}"' if style else ""
    return f'<img alt="{html.escape(alternative)}"{look} src="data:image/svg+xml,{encoded}">'


_ESCAPES = str.maketrans({sign: quote(sign) for sign in '%#<>&"\t\r\f\v'} | {"\n": " "})


def table(caption: str, rows: Iterable[Sequence[str]], alarm: str = "\0", cell: str = "th") -> str:
    """A table of texts, headings first; the first cell of a row is its heading, unless it is a td.

    Cells stand out whose texts begin with the alarm. Where a cell or a row ends the next begins, so
    no tag says it: they would be a third of it.
    """
    headings, *below = rows
    head = "".join(f"<th scope=col>{html.escape(cell)}" for cell in headings)
    body = "".join(f"<tr>{_cells(row, alarm, cell)}" for row in below)
    return f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}<tbody>{body}</table>"


def _cells(row: Sequence[str], alarm: str, first: str) -> str:
    texts = [f"{' class=gg-off' * text.startswith(alarm)}>{html.escape(text)}" for text in row]
    scope = ' scope="row"' if first == "th" else ""
    return f"<{first}{scope}{texts[0]}{''.join(f'<td{text}' for text in texts[1:])}"


def json_inside(data: object) -> str:
    """Data as JSON that cannot end the element of a page that it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def scrolling_table(
    caption: str, rows: Iterable[Sequence[str]], kind: str, alarm: str = "\0"
) -> str:
    """A table in a box of this class, which scrolls and can be reached by keyboard; see `table`.

    Its rows have no headings: a sanitiser such as nbconvert's lets only plain cells through.
    """
    content, label = table(caption, rows, alarm, "td"), caption.partition(":")[0]
    return scroller(content, f"gg-scroll {kind}", label)


# Scripts and styles of pages are files of their own. They are shortened beforehand, by the command
# `python .ci/shorten.py`; where one was changed since, pages have it as it is: right, and longer.

_FOLDER = Path(__file__).parent
STAGE = (
    "numbers layout camera picture alone folds network circles levels panels factors experiments "
    "stage"
).split()
"""The files of the stage, in the order in which they are joined."""
OPTIONAL = frozenset(("alone", "folds", "network", "circles", "levels", "factors"))
"""Those that only some pages need; see `page.py` and `stage.scripts_of`."""
OTHERS = tuple(f"stage/{name}.css" for name in ("stage", "alone", "network", "bars", "more"))
OTHERS += ("program.css", "program.js")
"""The files that pages have as they are, each for itself."""
HEAD = 'function(within,moved,operations){"use strict"'
"""How the function begins that the scripts of the stage are the body of; see `stage_script`."""


@cache
def compact(name: str) -> str:
    """A script or a style sheet of this package, short."""
    return str(_kept()[name]) if _is_kept([name]) else asset(name)


@cache
def stage_script(needed: frozenset[str] = OPTIONAL, is_short: bool = True) -> str:
    """The scripts of the stage as one function, of the optional ones those that are needed.

    It takes an element that has stages in it; what to call when a reader moves, or null; and the
    rows of the table as functions, from `stage.javascript`. Where it is not to be short, it is as
    in the files.
    """
    if is_short and _is_kept(stage_files()):
        head, *parts = _kept()["stage"]
    else:
        head, parts = HEAD, [asset(name) for name in stage_files()]
    taken = [part for name, part in zip(STAGE, parts) if name in needed or name not in OPTIONAL]
    return f"({';'.join([head, *taken])}}})"


def stage_files() -> list[str]:
    """The names of the scripts of the stage."""
    return [f"stage/{name}.js" for name in STAGE]


@cache
def _kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asset("stage/short.json"))
    return found


def _is_kept(names: Sequence[str]) -> bool:
    """Whether what is kept was made of these files as they are."""
    return all(_kept()["of"].get(name) == digest(name) for name in names)


def digest(name: str) -> str:
    """What tells whether a file is another one than before."""
    return sha256(asset(name).encode()).hexdigest()


def asset(name: str) -> str:
    """A file of this package as it is."""
    return (_FOLDER / name).read_text("utf-8").strip()
