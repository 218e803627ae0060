"""The steps of backpropagation as one self-contained piece of HTML.

It works in three places: where scripts run, it is a stepper; where they are stripped (an untrusted
notebook, a code host), the picture and the table of all steps remain; where HTML is not shown
at all, there is the text of `report.py`. Nothing is loaded from anywhere, and the same piece may
stand on a page twice. The script and the style are files of their own: `steps.js`, `steps.css`.
"""

from __future__ import annotations

import base64
import html
import json
from importlib.resources import files
from typing import Any

from viz.drawing import MAX_NODES, picture_of
from viz.render import RendererMissingError, RenderingError
from viz.report import local_text, sentence
from viz.step import Step
from viz.steps import Steps
from viz.text import short

_HEADINGS = ("step", "phase", "edge", "upstream", "local", "contribution", "result")


def page(steps: Steps) -> str:
    """The stepper, to stand inside a page or a notebook cell."""
    style, script = _asset("steps.css"), _asset("steps.js")
    return (
        f'<div class="glassgrad-steps" lang="en" data-lm-suppress-shortcuts="true">'
        f"<style>{style}</style>{_picture(steps)}"
        f'<div class="gg-controls" hidden></div>'
        f'<p class="gg-sentence" aria-live="polite"></p>{_table(steps)}'
        f'<script type="application/json" class="gg-data">{_data(steps)}</script>'
        f"<script>{script}</script></div>"
    )


def document(steps: Steps) -> str:
    """The stepper as a whole HTML document."""
    title = html.escape(f"Backpropagation through {steps.diagram[steps.root].name}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>body {{ font-family: system-ui, sans-serif }}</style></head>"
        f"<body><main><h1>{title}</h1>{page(steps)}</main></body></html>\n"
    )


def _picture(steps: Steps) -> str:
    """The graph as an image, which survives where inline SVG does not; the script inlines it."""
    drawing = picture_of(steps.diagram, steps.gradients, MAX_NODES)
    note = f"<p>{html.escape(drawing.note)}</p>" if drawing.note else ""
    try:
        svg = drawing.svg
    except (RendererMissingError, RenderingError) as error:
        return f"<p>{html.escape(str(error))}</p>{note}"
    encoded = base64.b64encode(svg.encode()).decode()
    alternative = html.escape(drawing.description())
    return (
        f'<figure class="gg-picture"><img alt="{alternative}" '
        f'src="data:image/svg+xml;base64,{encoded}"></figure>{note}'
    )


def _table(steps: Steps) -> str:
    head = "".join(f'<th scope="col">{heading}</th>' for heading in _HEADINGS)
    rows = "".join(_row(steps, step) for step in steps)
    return (
        '<div class="gg-scroll" tabindex="0" role="region" aria-label="All steps"><table>'
        f"<caption>All steps</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        "</div>"
    )


def _row(steps: Steps, step: Step) -> str:
    cells = (str(step.index + 1), step.phase, *_cells(steps, step))
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _cells(steps: Steps, step: Step) -> tuple[str, ...]:
    node = steps.diagram[step.node]
    if step.phase == "forward":
        numbers = steps.diagram.arithmetic(node, short)
        return (node.name, "", "", "", f"{step.formula} = {numbers} = {short(step.value)}")
    if step.phase == "seed":
        return (node.name, "", "", "", "1")
    if step.phase == "update":
        return (node.name, short(step.upstream), "", "", f"value becomes {short(step.after)}")
    assert step.parent is not None
    return (
        f"{node.name} → {steps.diagram[step.parent].name}",
        short(step.upstream),
        local_text(step),
        short(step.contribution),
        f"{short(step.before)} + {short(step.contribution)} = {short(step.after)} "
        f"({step.received} of {step.uses})",
    )


def _data(steps: Steps) -> str:
    """What the script needs to know, as JSON that cannot end its element."""
    records: list[dict[str, Any]] = [
        {
            "node": step.node,
            "parent": step.parent,
            "edge": None if step.operand is None else f"{step.node}_{step.operand}",
            "gradient": short(step.after) if step.phase in ("seed", "backward") else None,
            "says": sentence(steps, step),
        }
        for step in steps
    ]
    text = json.dumps(records, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _asset(name: str) -> str:
    return files("viz").joinpath(name).read_text("utf-8").strip()
