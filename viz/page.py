"""The steps of backpropagation as one self-contained piece of HTML.

It works in three places: where scripts run, it is a stepper; where they are stripped (an untrusted
notebook, a code host), the picture and the tables remain: all steps, and the classic mistakes.
Where HTML is not shown at all, there is the text of `report.py`. Nothing is loaded from anywhere,
and the same piece may stand on a page twice. The script and the style are files of their own:
`steps.js`, `steps.css`. What a step says is written in `words.py`.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Sequence

from glassgrad.engine.printing import short
from glassgrad.viz import at_once
from glassgrad.viz.assets import compact_script, compact_style
from glassgrad.viz.drawing import MAX_NODES, picture_of
from glassgrad.viz.mistakes import Mistakes
from glassgrad.viz.picture import Picture
from glassgrad.viz.render import RendererMissingError, RenderingError
from glassgrad.viz.step import Step
from glassgrad.viz.steps import Steps
from glassgrad.viz.words import accumulation, checks, local_text, record

_HEADINGS = ("step", "phase", "edge", "upstream", "local", "contribution", "result")
DOCUMENT_STYLE = (
    "body{font-family:system-ui,sans-serif;margin:16px auto;max-width:1124px;padding:0 12px}"
    "h1{font-size:1.4em;font-weight:600;margin:0 12px 8px;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{background:#1c1c1e;color:#ececec}}"
)
_MOST_MISTAKEN = 200
"""Up to this many nodes a page shows what the wrong engines get."""
MOST_STEPS = 2_000
"""Of more steps a page shows a part, since tens of thousands would choke a notebook."""
_BEFORE_SEED = 500
"""How many of them are the last forward steps."""


def page(steps: Steps, more: str = "") -> str:
    """The stepper, to stand inside a page or a notebook cell.

    Args:
        steps: what to step through.
        more: HTML to stand above the table of all steps.
    """
    return element(steps, more, f"<script>{script()}(document)</script>")


def element(steps: Steps, more: str = "", code: str = "") -> str:
    """The stepper with the code that sets it up, or without, if somebody else does."""
    shown = shown_steps(steps)
    part = _attributes_of_part(steps, shown) if len(shown) < len(steps) else ""
    style = compact_style("steps.css")
    data = _data(steps, shown)
    return (
        f'<div class="glassgrad-steps" lang="en" role="group" aria-label="{_title(steps)}" '
        f'data-lm-suppress-shortcuts="true"{part}>'
        f"<style>{style}</style>{_picture(steps)}"
        f'<div class="gg-controls" hidden></div><p class="gg-sentence" aria-live="polite"></p>'
        f"{more}{_table(steps, shown)}{_shares(steps, shown)}{_mistakes(steps)}"
        f'<script type="application/json" class="gg-data">{data}</script>{code}</div>'
    )


def _attributes_of_part(steps: Steps, shown: Sequence[Step]) -> str:
    """Where the part begins, how many steps there are, and how many nodes only wait in it."""
    reached = {edge.parent for step in shown for edge in step.edges}
    unseen = steps[shown[-1].index + 1 :]
    later = {edge.parent for step in unseen for edge in step.edges} - reached
    first = shown[0].index + 1
    return f' data-first="{first}" data-all="{len(steps)}" data-unseen="{len(later)}"'


def script() -> str:
    """The function of `steps.js`."""
    return compact_script("steps.js")


def shown_steps(steps: Steps) -> list[Step]:
    """The steps on the page: all, or those around the seed."""
    seed = next(step.index for step in steps if step.phase == "seed")
    first = max(0, min(seed - _BEFORE_SEED, len(steps) - MOST_STEPS))
    return steps[first : first + MOST_STEPS]


def document(steps: Steps, more: str = "") -> str:
    """The stepper as a whole HTML document; for `more` see `page`."""
    title = _title(steps)
    body = page(steps, more).replace("<div", "<div data-focus=true", 1)  # it has the keys
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{DOCUMENT_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n"
    )


def _title(steps: Steps) -> str:
    return html.escape(f"Backpropagation through {steps.diagram[steps.root].name}")


def _picture(steps: Steps) -> str:
    """The graph as an image, which survives where inline SVG does not; the script inlines it."""
    drawing = picture_of(steps.diagram, steps.gradients, MAX_NODES)
    note = f"<p>{html.escape(drawing.note)}</p>" if drawing.note else ""
    try:
        svg = drawing.svg
    except (RendererMissingError, RenderingError) as error:
        return f"<p>{html.escape(str(error))}</p>{note}"
    encoded = base64.b64encode(_compact(svg).encode()).decode()
    alternative = html.escape(drawing.description())
    boxes = _boxes(drawing.picture)
    return (
        '<figure class="gg-picture" tabindex="0" role="group" aria-label="Picture" '
        f'data-lm-suppress-shortcuts="true"{boxes}>'
        f'<img alt="{alternative}" '
        f'src="data:image/svg+xml;base64,{encoded}"></figure>{note}'
    )


def _boxes(picture: Picture) -> str:
    """What the script needs to know of modules that are drawn as one shape: an attribute, or "".

    It says which box, and row of a box, each node is inside of, and the outputs that a row shows.
    """
    if not picture.boxes:
        return ""
    places = {
        group.key: f"{key[1:]}_{row}"
        for key, groups in picture.boxes.items()
        for row, group in enumerate(groups)
    }
    inside = [places.get(picture.key_of(i), "") for i in range(len(picture.diagram))]
    shown = {
        key[1:]: [[[node.index for node in g.outputs], int(g.has_more)] for g in groups]
        for key, groups in picture.boxes.items()
    }
    text = json.dumps({"inside": inside, "shown": shown}, separators=(",", ":"))
    return f' data-boxes="{html.escape(text)}"'


def _compact(svg: str) -> str:
    """The same picture in fewer bytes: the usual font once, and coordinates to a tenth of a point.

    Only attributes are touched: in a text there is no quotation mark, but its escape.
    """
    for usual in (
        ' font-family="Helvetica,Arial,sans-serif"',
        ' font-size="12.00"',
        ' text-anchor="middle"',
    ):
        svg = svg.replace(usual, "").replace("<svg", f"<svg{usual}", 1)
    svg = re.sub(
        r"<style>.*?</style>", lambda found: found[0].replace(".glassgrad-graph ", ""), svg
    )
    svg = re.sub(r' (class="(node|edge)"|xml:space="preserve"|xmlns:xlink="[^"]*")', "", svg)
    return re.sub(r' (?:d|points|x|y)="[^"]*"', _shortened, svg)


def _shortened(attribute: re.Match[str]) -> str:
    """Coordinates in fewer characters; a curve whose handles lie in its ends is a line."""
    numbers = re.sub(r"-?\d+\.\d+", _rounded, attribute[0])
    numbers = re.sub(r'"M(\S+)C\1 (\S+) \2 ', r'"M\1L\2C', numbers)
    return re.sub(r" (\S+) \1 (\S+) \2 ", r" \1L\2C", numbers)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def table(caption: str, headings: Sequence[str], rows: Iterable[str], kind: str) -> str:
    """A table in a box that scrolls and can be reached by keyboard.

    Args:
        caption: what the table shows, as text.
        headings: what stands over the columns, as text.
        rows: HTML, for example made by `row`.
        kind: the class of the box.
    """
    title = html.escape(caption)
    head = "".join(f'<th scope="col">{html.escape(heading)}</th>' for heading in headings)
    return (
        f'<div class="gg-scroll {kind}" tabindex="0" role="group" aria-label="{title}" '
        f'data-lm-suppress-shortcuts="true"><table>'
        f"<caption>{title}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(cells: Iterable[str], alarm: str = "\0") -> str:
    """A row of a table whose cells are texts; those that begin with `alarm` stand out."""
    return "<tr>" + "".join(_cell(cell, cell.startswith(alarm)) for cell in cells) + "</tr>"


def _cell(text: str, is_alarming: bool) -> str:
    return f"<td{' class=gg-off' * is_alarming}>{html.escape(text)}</td>"


def _table(steps: Steps, shown: Sequence[Step]) -> str:
    rows = (row((str(step.index + 1), step.phase, *_cells(steps, step))) for step in shown)
    return table(_caption(steps, shown), _HEADINGS, rows, "gg-steps")


def _shares(steps: Steps, shown: Sequence[Step]) -> str:
    """For each step that sends to more than its row can tell, a table of all that it sends."""
    return "".join(_shares_of(steps, step) for step in shown if at_once.more(step))


def _shares_of(steps: Steps, step: Step) -> str:
    listed = step.parts[:MOST_STEPS]
    name = steps.diagram[step.node].name
    caption = (
        f"What {name} sends in step {step.index + 1}, by the {at_once.program_of(steps, step)}"
    )
    if len(listed) < len(step.parts):
        caption += f": the first {len(listed):,} of {len(step.parts):,}; to_json() has all"
    rows = (row(at_once.share(steps, edge)) for edge in listed)
    return table(caption, at_once.SHARES, rows, "gg-shares")


def _caption(steps: Steps, shown: Sequence[Step]) -> str:
    if len(shown) == len(steps):
        return "All steps"
    first, last = shown[0].index + 1, shown[-1].index + 1
    return f"Steps {first} to {last} of {len(steps)}; text() and to_json() have all"


def _mistakes(steps: Steps) -> str:
    """What the wrong engines get, side by side, and why."""
    if len(steps.gradients) > _MOST_MISTAKEN:
        return "<p>What wrong engines get, for a graph of this size: print(steps.mistakes()).</p>"
    mistakes = Mistakes(steps)
    rows = (row(cells, "≠") for _, cells in mistakes.rows())
    reasons = (f"<li>{html.escape(f'{m.name}: {m.why}')}</li>" for m in mistakes)
    caption = "Classic mistakes: the gradients of the right engine, and of three wrong ones"
    return (
        f'<div class="gg-mistakes">{table(caption, mistakes.headings(), rows, "gg-wrong")}'
        f"<ul>{''.join(reasons)}</ul></div>"
    )


def _cells(steps: Steps, step: Step) -> tuple[str, ...]:
    node = steps.diagram[step.node]
    if step.phase == "forward":
        numbers = steps.diagram.arithmetic(node, short)
        return (node.name, "", "", "", f"{step.formula} = {numbers} = {short(step.value)}")
    if step.phase == "seed":
        return (node.name, "", "", "", "1")
    if step.phase == "update":
        return (node.name, short(step.upstream), "", "", f"value becomes {short(step.after)}")
    if step.parts:
        return at_once.cells(steps, step)
    assert step.parent is not None
    return (
        f"{node.name} → {steps.diagram[step.parent].name}",
        short(step.upstream),
        local_text(step),
        short(step.contribution),
        f"{accumulation(step)} ({step.received} of {step.uses})",
    )


def _data(steps: Steps, shown: Sequence[Step]) -> str:
    """What the script needs to know, as JSON that cannot end its element."""
    checked = checks(steps)
    records = [record(steps, step, checked.get(step.parent, "")) for step in shown]
    text = json.dumps(records, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
