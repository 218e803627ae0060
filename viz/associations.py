"""`Associations`: spreading activation, which flows through a network and is no backpropagation.

One idea activates those linked with it, they activate others, weaker with every link. Nothing is
compared with a target, so nothing is corrected: the links stay as they are given.

Sources: A. M. Collins and E. F. Loftus, A spreading-activation theory of semantic processing,
Psychological Review 82 (1975); J. R. Anderson, A spreading activation theory of memory, Journal of
Verbal Learning and Verbal Behavior 22 (1983). As is usual in programs, an idea fires once, and
activation ends at 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glassgrad.engine.misuse import real, whole
from glassgrad.engine.text import clipped, columns, counted, describe, short, suggestion, told
from glassgrad.viz.diagram import Records
from glassgrad.viz.dot import DATA, FAN, NODES, Digraph, label_of, text_of
from glassgrad.viz.markup import figure, image, page_svg, paragraph, picture_or_advice, table
from glassgrad.viz.render import render

Links = Mapping[str, Mapping[str, float]]
_NOTHING_CORRECTED = "Nothing is corrected: links have no gradient and stay as they are."


class Associations:
    """Ideas with weighted links, along which activation spreads. Nothing in it learns.

    Args:
        links: for each idea those it leads to, each with a weight from 0 to 1.
        decay: the share that is left after every link, from 0 to 1.
        threshold: an idea with less activation than this sends nothing on.

    Attributes:
        ideas: their names, in the order in which they were given.

    >>> from glassgrad import Associations
    >>> mind = Associations({"coffee": {"friends": 0.8, "morning": 0.6}, "morning": {"sun": 0.5}})
    >>> mind
    <associations of 4 ideas by 3 links. Nothing is corrected: links have no gradient and stay as \
they are.>
    >>> mind.spread("coffee", steps=2)
    idea     start  step 1  step 2
    coffee   1      1       1
    friends  0      0.4     0.4
    morning  0      0.3     0.3
    sun      0      0       0.075
    """

    def __init__(self, links: Links, *, decay: float = 0.5, threshold: float = 0.05) -> None:
        self.decay = _share(decay, "decay")
        self.threshold = _share(threshold, "threshold")
        self._links: dict[tuple[str, str], float] = {}
        ideas: dict[str, None] = {}
        for start, ends in _pairs(links, "links", "a dict for each idea"):
            ideas[start] = None
            for end, weight in _pairs(ends, f"the links of {clipped(start)}", "a weight for each"):
                ideas[end] = None
                self._links[start, end] = _share(
                    weight, f"the weight of {clipped(start)} → {clipped(end)}"
                )
        if not self._links:
            raise ValueError('Associations takes at least one link: {"coffee": {"friends": 0.8}}.')
        self.ideas = tuple(ideas)

    def __repr__(self) -> str:
        ideas, links = counted(len(self.ideas), "idea"), counted(len(self._links), "link")
        return f"<associations of {ideas} by {links}. {_NOTHING_CORRECTED}>"

    @property
    def links(self) -> dict[tuple[str, str], float]:
        """The weight of each link, by the ideas it leads from and to."""
        return dict(self._links)

    def spread(self, start: str | Mapping[str, float], steps: int = 3) -> Spread:
        """Activate ideas, and let it spread along the links for so many steps.

        In a step every idea that has reached the threshold and has not fired yet fires: each idea
        it leads to gets activation × weight × decay more, up to 1.

        Args:
            start: an idea, which gets the activation 1, or several with their activations.
            steps: how many steps, at least one.
        """
        whole(steps, "steps")
        given = {start: 1.0} if isinstance(start, str) else start
        begun = dict.fromkeys(self.ideas, 0.0)
        for idea, activation in _pairs(given, "start", "an activation for each idea"):
            if idea not in begun:
                problem = f"There is no idea {told(idea)} in these associations."
                raise ValueError(problem + suggestion(idea, self.ideas))
            begun[idea] = _share(activation, f"the activation of {clipped(idea)}")
        return Spread(self, begun, steps)


class Spread(Records[Mapping[str, float]]):
    """The activation of each idea after each step, the start first; made by `spread`.

    Its `flows` are for each step what was sent, by the ideas it went from and to.

    >>> from glassgrad import Associations
    >>> spread = Associations({"coffee": {"friends": 0.8}}).spread("coffee", steps=1)
    >>> spread[-1]["friends"], spread.flows[1]
    (0.4, {('coffee', 'friends'): 0.4})
    """

    def __init__(self, associations: Associations, start: Mapping[str, float], steps: int) -> None:
        self.associations = associations
        self.flows: list[dict[tuple[str, str], float]] = [{}]
        self._records: list[Mapping[str, float]] = [dict(start)]
        fired: set[str] = set()
        for _ in range(steps):
            before, after, flow = self._records[-1], dict(self._records[-1]), {}
            enough = {idea for idea, x in before.items() if x > 0.0 and x >= associations.threshold}
            for (sender, receiver), weight in associations.links.items():
                if sender in enough - fired:
                    flow[sender, receiver] = before[sender] * weight * associations.decay
                    after[receiver] += flow[sender, receiver]
            self._records.append({idea: min(1.0, activation) for idea, activation in after.items()})
            self.flows.append(flow)
            fired |= enough

    def __repr__(self) -> str:
        return columns(self.rows(), indent="")

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the table, headings first: a row for each idea."""
        steps = [f"step {i}" for i in range(1, len(self))]
        ideas = self.associations.ideas
        rows = [(clipped(idea), *(short(row[idea]) for row in self._records)) for idea in ideas]
        return [("idea", "start", *steps), *rows]

    def _told(self, step: int) -> str:
        """What flowed in a step, in a sentence."""
        sent = [f"{clipped(a)} sends to {clipped(b)} {short(x)}"
                for (a, b), x in self.flows[step].items()]  # fmt: skip
        if step:
            return f"step {step}: {', '.join(sent) if sent else 'nothing flows'}"
        active = [clipped(idea) for idea, activation in self[0].items() if activation]
        return f"start: {', '.join(active) or 'nothing'} is active"

    def _dot(self, step: int) -> str:
        """The network after a step in the DOT language: fill by activation, width by weight."""
        associations, flow = self.associations, self.flows[step]
        keys = {idea: f"i{i}" for i, idea in enumerate(associations.ideas)}
        graph = Digraph(
            graph_attr={"rankdir": "LR", "ranksep": "0.9", "bgcolor": "transparent"},
            node_attr={**NODES, "width": "1.1"},
            edge_attr={"fontname": NODES["fontname"], "fontsize": "10", "arrowsize": "0.9"},
        )
        for idea, activation in self[step].items():
            fill = f"{DATA}{round(_MOST_FILLED * activation):02x}"
            name = text_of(clipped(idea), bold=activation >= associations.threshold)
            graph.node(keys[idea], label_of(name, text_of(short(activation))), fillcolor=fill)
        for (sender, receiver), weight in associations.links.items():
            sent = flow.get((sender, receiver))
            color, text = (FAN, short(weight)) if sent is None else (DATA, f"+{short(sent)}")
            graph.edge(
                keys[sender], keys[receiver], label_of(text_of(text, bold=sent is not None)),
                color=color, penwidth=f"{0.5 + 4.0 * weight:.2f}",
            )  # fmt: skip
        return str(graph.source)

    def _repr_html_(self) -> str:
        def pictured(step: int) -> str:
            told = self._told(step)
            svg = page_svg(render(self._dot(step), "svg"), "Associations", told)
            return paragraph(told) + figure(image(svg, told, "max-width:100%;height:auto"))

        pictures = picture_or_advice(lambda: "".join(map(pictured, range(len(self)))))
        return (
            f'<div class="glassgrad-spread" lang="en">{pictures}'
            f"{paragraph(_NOTHING_CORRECTED)}{table('Activation', self.rows())}</div>"
        )


_MOST_FILLED = 110
"""How opaque the fill of an idea with the activation 1 is, of 255: its text stays readable."""


def _share(number: Any, role: str) -> float:
    if isinstance(number, bool):
        raise TypeError(f"{role} is a number from 0 to 1, not {number}.")
    found = real(number, role)
    if not 0.0 <= found <= 1.0:
        raise ValueError(f"{role} is a number from 0 to 1, not {told(number)}.")
    return found


def _pairs(thing: Any, role: str, what: str) -> list[tuple[str, Any]]:
    if not isinstance(thing, Mapping):
        raise TypeError(f"{role} is a dict with {what}, not {describe(thing)}.")
    for name in thing:
        if not isinstance(name, str) or not name:
            raise TypeError(f"{role} names each idea by a text, not {describe(name)}.")
    return list(thing.items())
