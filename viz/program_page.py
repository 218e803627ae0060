"""An array program beside its scalars as one self-contained piece of HTML.

Where scripts run, a line that is chosen lights its scalars, and a scalar its lines. Where they are
stripped, the picture and the program remain, with line numbers on both sides, and the table that
says which scalars became which line. Its style and script are `program.css` and `program.js`.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from glassgrad.engine.text import visible
from glassgrad.viz.assets import compact_script, compact_style
from glassgrad.viz.page import DOCUMENT_STYLE
from glassgrad.viz.portions import Portion, Portions
from glassgrad.viz.render import RendererMissingError, RenderingError

if TYPE_CHECKING:
    from glassgrad.viz.program import ProgramDrawing

MOST_LISTED = 40
"""Scalars of a line that the table lists; the others are counted."""
MOST_NAMED = 1_000
"""Of more scalars the script knows no names: they are not drawn one by one."""


def page(drawing: ProgramDrawing) -> str:
    """The two sides, to stand inside a page or a notebook cell."""
    style = compact_style("program.css")
    portions = drawing.portions
    note = f"<p>{html.escape(drawing.note)}</p>" if drawing.note else ""
    return (
        '<div class="glassgrad-program" lang="en" role="group" '
        f'aria-label="{_title(drawing)}" data-lm-suppress-shortcuts="true"><style>{style}</style>'
        f'<div class="gp-sides">{_picture(drawing)}{_listing(portions)}</div>'
        f'<p class="gg-sentence gp-sentence" aria-live="polite"></p>{note}{_table(portions)}'
        f'<script type="application/json" class="gp-data">{_data(portions)}</script>'
        f"<script>{compact_script('program.js')}(document)</script></div>"
    )


def document(drawing: ProgramDrawing) -> str:
    """The two sides as a whole HTML document."""
    title = _title(drawing)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{DOCUMENT_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{page(drawing)}</main></body></html>\n"
    )


def _title(drawing: ProgramDrawing) -> str:
    return html.escape(f"Program of {visible(drawing.title)}")


def _picture(drawing: ProgramDrawing) -> str:
    """The scalars as an image, which survives where inline SVG does not; the script inlines it."""
    try:
        encoded = base64.b64encode(drawing.graph_svg().encode()).decode()
    except (RendererMissingError, RenderingError) as error:
        return f"<p>{html.escape(str(error))}</p>"
    alternative = html.escape(drawing.description())
    return (
        '<figure class="gg-picture gp-picture" tabindex="0" role="group" aria-label="Scalars">'
        f'<img alt="{alternative}" src="data:image/svg+xml;base64,{encoded}"></figure>'
    )


def _listing(portions: Portions) -> str:
    """The program, numbered; each line knows its group."""
    lines = "".join(
        f"<li{_of(group)}><code>{_code(line)}</code></li>"
        for line, group in zip(portions.lines, portions.group_of_line)
    )
    return (
        '<div class="gp-code" tabindex="0" role="group" aria-label="Program">'
        f'<ol class="gp-lines">{lines}</ol></div>'
    )


def _of(group: int | None) -> str:
    return "" if group is None else f' data-g="{group}"'


def _code(line: str) -> str:
    """A line of source; its comment stands back."""
    code, sign, about = line.partition("  # ")
    comment = f"<small>{html.escape(sign + about)}</small>" if sign else ""
    return html.escape(code) + comment


def _table(portions: Portions) -> str:
    caption = "Which scalars became which line"
    head = "".join(f'<th scope="col">{text}</th>' for text in ("lines", "compute", "scalars"))
    rows = "".join(_row(portions, portion) for portion in portions)
    return (
        f'<div class="gg-scroll gp-table" tabindex="0" role="group" aria-label="{caption}">'
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(portions: Portions, portion: Portion) -> str:
    """A line and its scalars, which are listed if the reader wants to see them."""
    listed = portion.scalars[:MOST_LISTED]
    items = [f"<li>{html.escape(portions.formula(number))}</li>" for number in listed]
    if rest := len(portion.scalars) - len(listed):
        items.append(f"<li>… {rest:,} more</li>")
    return (
        f"<tr{_of(portion.group)}><td>{portion.where()}</td><td>{html.escape(portion.title)}</td>"
        f"<td><details><summary>{html.escape(portion.made_of)}</summary>"
        f"<ul>{''.join(items)}</ul></details></td></tr>"
    )


def _data(portions: Portions) -> str:
    """What the script needs to know, as JSON that cannot end its element."""
    shown = {number: portion.group for portion in portions for number in portion.scalars}
    data = {
        "says": {str(portion.group): portion.sentence() for portion in portions},
        "scalars": dict(_scalars(portions, shown)) if len(shown) <= MOST_NAMED else {},
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _scalars(portions: Portions, shown: dict[int, int]) -> Iterator[tuple[str, list[object]]]:
    """Of each scalar its group and its formula, by number."""
    for number, group in shown.items():
        yield str(number), [group, portions.formula(number)]
