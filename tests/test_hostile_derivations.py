"""Hostile labels in a derivation: its text, its LaTeX and its MathML hold them, literally.

The same is asked of all other outputs in `test_hostile_labels.py`.
"""

import re
from collections.abc import Callable

import hostile
import pytest
from outputs import ESCAPE, GREEK, ZERO_WIDTH_JOINER, acting, name_in_latex

from glassgrad import Value, derivation, engine
from glassgrad.engine.text import visible

LABELS = hostile.corpus("labels")
TEXT = re.compile(rf"\\text\{{(?:[^{{}}\\]|{ESCAPE.pattern})*\}}")
COMMANDS = {"begin", "end", "frac", "partial", "cdot", "operatorname", "text", *GREEK.split("|")}


def check(label: str) -> None:
    x, w = Value(2.0, label=f"{label}!"), Value(3.0, label=label)
    y = engine.sech(x * w)
    y.label = label
    found = derivation(y, x)
    assert not acting(found.text() + found.latex())
    assert found.text().count("\n") == 4
    check_latex(found.latex(), visible(f"{label}!"))


def check_latex(latex: str, name: str) -> None:
    """One name stands in it as a text, and outside of texts nothing is a command but ours."""
    texts = TEXT.findall(latex)
    assert name.replace(ZERO_WIDTH_JOINER, " ") in map(name_in_latex, texts)
    rest = TEXT.sub("", latex)
    assert set(re.findall(r"\\([A-Za-z]+)", rest)) <= COMMANDS | {"sech", "left", "right", "tanh"}
    assert rest.count("{") == rest.count("}")
    assert rest.count("&") == rest.count("&=") == 4
    assert not set(rest) & set("$%#~")


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_a_label_of_the_corpus(label: str) -> None:
    with hostile.survives(label):
        check(label)


@pytest.mark.slow
def test_random_labels(request: pytest.FixtureRequest, figure: Callable[..., None]) -> None:
    seeds = hostile.seeds("label", request.config)
    for seed in seeds:
        label = hostile.label(hostile.generator("label", seed))
        with hostile.survives(label, f"label, seed {seed}"):
            check(label)
    figure("Hostile input", "labels in derivations, as text and LaTeX", len(seeds))
