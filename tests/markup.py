"""Reading the HTML of a page without a browser: its elements, its picture, what is left of it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote

SVG = "{http://www.w3.org/2000/svg}"
VOID = ("img", "meta", "br", "input")


PARTS_OF_TABLES = ("thead", "tbody", "tr", "th", "td")
"""Where one begins, those that cannot have it inside end."""


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the texts of table cells by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.is_cell = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in PARTS_OF_TABLES:
            self.is_cell = False
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.is_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", *PARTS_OF_TABLES):
            self.is_cell = False

    def handle_data(self, data: str) -> None:
        if self.is_cell:
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def picture(page: str) -> str:
    """The SVG inside the image of a page."""
    (image,) = Elements(page).all("img")
    return svg_in(image["src"])


def svg_in(address: str) -> str:
    """The SVG of a data address, with none of what would end it."""
    kind, _, data = address.partition(",")
    assert kind == "data:image/svg+xml"
    assert not re.search(r"[#<>&\"\n\t]|%(?![0-9A-F]{2})", data)
    return unquote(data)


def without_scripts(page: str) -> str:
    """What a sanitiser leaves: no scripts, no styles, no inline SVG."""
    return re.sub(r"<(script|style|svg)\b.*?</\1>", "", page, flags=re.DOTALL)


def outline(page: str) -> list[str]:
    """A page as readable lines: tags with their attributes, indented, and rows as cells.

    Of a picture, only its kind is told, since its bytes depend on the fonts of a machine.
    """
    return list(_Outline(page).lines())


class _Outline(HTMLParser):
    """Notes what stands on a page, by depth."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.noted: list[tuple[int, str]] = []
        self.depth = 0
        self.table_depth = 0
        self.cells: list[str] | None = None
        self.feed(page)
        self.close()

    def lines(self) -> Iterator[str]:
        return ("  " * depth + text for depth, text in self.noted)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = [tag, *(_attribute(*attribute) for attribute in attrs)]
        if tag in ("tr", "thead", "tbody"):
            self._end_row()
        if tag in ("thead", "tbody"):
            self.depth = self.table_depth + 1
        if tag == "table":
            self.table_depth = self.depth
        if tag == "tr":
            self.cells = []
        elif tag in ("td", "th"):
            self.cells.append(f"{' '.join(told)}: " if len(told) > 1 else "")
        else:
            self.noted.append((self.depth, " ".join(told)))
            self.depth += tag not in VOID

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._end_row()
            self.depth = self.table_depth
        elif tag not in PARTS_OF_TABLES:
            self.depth -= 1

    def _end_row(self) -> None:
        if self.cells is not None:
            self.noted.append((self.depth, f"| {' | '.join(self.cells)} |"))
            self.cells = None

    def handle_data(self, data: str) -> None:
        if self.cells is not None:
            self.cells[-1] += data
        else:
            self.noted.append((self.depth, f'"{data}"'))


def _attribute(name: str, value: str | None) -> str:
    if value is None:
        return name
    kind, comma, data = value.partition(",")
    is_picture = kind.startswith("data:")
    return f'{name}="{kind}{comma}{"…" if is_picture else data}"'
