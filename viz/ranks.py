"""How far from the beginning each part of a picture stands: the columns of its layout."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


def ranks(edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The length of the longest path to each part; parts on or behind a circle have none.

    (A module that is called twice, drawn as one box, may lie on a circle.)

    >>> from glassgrad.viz.ranks import ranks
    >>> ranks([("a", "b"), ("b", "c"), ("a", "c")])
    {'a': 0, 'b': 1, 'c': 2}
    """
    heads: dict[str, list[str]] = {}
    waiting: dict[str, int] = {}
    for tail, head in edges:
        heads.setdefault(tail, []).append(head)
        waiting[head] = waiting.get(head, 0) + 1
        waiting.setdefault(tail, 0)
    ready = deque(part for part, count in waiting.items() if count == 0)
    longest = dict.fromkeys(ready, 0)
    found: dict[str, int] = {}
    while ready:
        tail = ready.popleft()
        found[tail] = longest[tail]
        for head in heads.get(tail, ()):
            longest[head] = max(longest.get(head, 0), longest[tail] + 1)
            waiting[head] -= 1
            if waiting[head] == 0:
                ready.append(head)
    return found
