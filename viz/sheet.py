"""A drawing as a page of its own: the picture, what it leaves out, and the table of its nodes.

Nothing is loaded from anywhere. Who cannot see the picture reads the table, which says the same.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

_STYLE = (
    ":root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --line: #767676 }"
    "@media (prefers-color-scheme: dark) {"
    " :root { --ink: #ececec; --paper: #1c1c1e; --line: #8f8f8f } }"
    "body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);"
    " margin: 24px auto; max-width: 1100px; padding: 0 16px }"
    "figure { margin: 0; overflow-x: auto } svg { max-width: 100%; height: auto }"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums }"
    "th, td { text-align: left; padding: 3px 16px 3px 0; border-bottom: 1px solid var(--line) }"
    ":focus-visible { outline: 3px solid #0072B2; outline-offset: 2px }"
)


def sheet(title: str, picture: str, note: str, rows: Sequence[Sequence[str]]) -> str:
    """A whole HTML document.

    Args:
        title: of the page; any text.
        picture: HTML: an SVG picture, or a sentence that says why there is none.
        note: what the picture leaves out, or "".
        rows: the texts of the table, headings first.

    >>> from glassgrad.viz.sheet import sheet
    >>> "a &lt; b" in sheet("Graph", "<svg/>", "", [["node"], ["a < b"]])
    True
    """
    title = html.escape(title)
    said = f"<p>{html.escape(note)}</p>" if note else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        f'<figure tabindex="0" role="group" aria-label="Picture">{picture}</figure>{said}'
        f"{_table(rows)}</main></body></html>\n"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in rows[0])
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows[1:])
    return (
        f"<table><caption>Nodes</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _cells(row: Sequence[str]) -> str:
    first, *rest = map(html.escape, row)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)
