"""What a picture leaves out, and how to see it, in a sentence or two."""

from __future__ import annotations

from glassgrad.engine.compiling.result import Replay
from glassgrad.viz.parts import Group, Picture, Shown


def note(picture: Picture) -> str:
    """What is hidden and how to see it; "" if nothing is.

    >>> from glassgrad import Value, compiled
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.notes import note
    >>> from glassgrad.viz.parts import Picture
    >>> w = Value(2.0)
    >>> note(Picture(Diagram([compiled(lambda x: w * x)(3.0)]), max_nodes=150))
    '<lambda> is compiled and closed; depth=1 opens it, in draw and in backprop.'
    """
    return " ".join(filter(None, (_left_out(picture), _closed(picture))))


def _left_out(picture: Picture) -> str:
    size = len(picture.diagram)
    shows_all = f"draw(y, max_nodes={size}) shows all."
    left_out = size - len(picture.indices)
    if picture.around is not None and left_out:
        return f"{len(picture.indices)} of {size} nodes are drawn, {_vicinity(picture)}{shows_all}"
    groups = [part for part in picture.parts if isinstance(part, Group) and not part.is_fold]
    parts = []
    if groups:
        inside = sum(group.count for group in groups)
        boxes = "1 box" if len(groups) == 1 else f"{len(groups)} boxes"
        parts.append(f"{inside} nodes are drawn as {boxes}")
    if left_out:
        parts.append(f"{left_out} nodes are not drawn")
    return f"{' and '.join(parts)}; {shows_all}" if parts else ""


def _vicinity(picture: Picture) -> str:
    assert picture.around is not None
    name = picture.diagram[picture.around].name
    if picture.is_cut:
        return f"the nearest to {name}; "
    edges = "1 edge" if picture.radius == 1 else f"{picture.radius} edges"
    more = f"draw(y, around={name!r}, radius={picture.radius + 1})"
    return f"those within {edges} of {name}; {more} shows more, "


def _closed(picture: Picture) -> str:
    """What is said of compiled nodes that are closed, and of boxes of the Values they read."""
    nodes = [p.node for p in picture.parts if isinstance(p, Shown) and p.node.is_compiled]
    refused = picture.diagram.closed
    said = [f"{refused[node.index]}." for node in nodes if node.index in refused]
    openable = [node for node in nodes if isinstance(node.operation, Replay)]
    if closed := [node for node in openable if node.index not in refused]:
        names = list(dict.fromkeys(node.function for node in closed))
        verb, what = ("is", "it") if len(names) == 1 else ("are", "them")
        depth = max(1 if node.scope is None else 1 + len(node.scope.chain()) for node in closed)
        opening = f"depth={depth} opens {what}, in draw and in backprop"
        said.append(f"{', '.join(names)} {verb} compiled and closed; {opening}.")
    folds = [part for part in picture.parts if isinstance(part, Group) and part.is_fold]
    if folds:
        count = sum(group.count for group in folds)
        boxes = "1 box" if len(folds) == 1 else f"{len(folds)} boxes"
        said.append(f"{count:,} Values are drawn as {boxes}; print(draw(y)) lists them.")
    return " ".join(dict.fromkeys(said))
