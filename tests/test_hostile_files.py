"""Hostile files: models, which are read, and steps as JSON, which are written.

Whatever is in a file, `load` takes all of it or nothing, and runs none of it. So does
`load_state_dict` with what a reader of other files may have made.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
import pytest
from loading import is_built, is_filled
from outputs import bits, refused, strict_json

from glassgrad import MLP, Module, Neuron, Value, backprop, draw
from glassgrad.engine.files import sealed

SECTION = "Hostile input"
FILES = hostile.corpus("model_files")
GOOD = {"w.0": 0.25, "w.1": -3.0, "b": 1e-3}
Figure = Callable[..., None]


class Pair(Module):
    """A module that shows itself in several lines."""

    def __init__(self) -> None:
        self.first, self.second = Neuron(1, seed=1), Neuron(1, seed=2)


MODELS: tuple[Callable[[], Module], ...] = (
    lambda: Neuron(2, seed=0),
    lambda: Neuron(2, seed=0),
    lambda: MLP(2, [2, 1], seed=0),
    Pair,
)


def check_load(model: Module, state: Any) -> bool:
    """A state is taken whole, or refused with a sentence and the model as it was."""
    before = bits(model)
    if refused(lambda: model.load_state_dict(state), TypeError, ValueError):
        assert bits(model) == before
        return False
    assert bits(model) == {name: float(number).hex() for name, number in state.items()}
    return True


def check_file(path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    is_built(path)
    return is_filled(Neuron(2, seed=0), path)


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_model_file_of_the_corpus_changes_nothing(
    content: str, tmp_path: Path, figure: Figure
) -> None:
    with hostile.survives(content):
        assert not check_file(tmp_path / "model.json", content.encode("latin-1"))
    figure(SECTION, "inputs of the fixed corpus", 1)


@pytest.mark.slow
def test_random_model_files_are_taken_whole_or_change_nothing(
    tmp_path: Path, request: pytest.FixtureRequest, figure: Figure
) -> None:
    path, model, taken = tmp_path / "model.json", Neuron(2), 0
    model.load_state_dict(GOOD)
    good, seeds = model.save(path).read_bytes(), hostile.seeds("model file", request.config)
    data = {**json.loads(good), "module": ["a part for people, which nothing reads"] * 3}
    del data["digest"]  # with one hardly any change is taken
    sources = [sealed(data), json.dumps({**data, "schema": "glassgrad-model/2"}, indent=1).encode()]
    del data["build"]
    sources.append(json.dumps({**data, "schema": "glassgrad-model/1"}, indent=1).encode())
    for seed in seeds:
        source = sources[seed % 3]
        content = hostile.model_file(hostile.generator("model file", seed), source)
        with hostile.survives(content, f"model file, seed {seed}"):
            taken += check_file(path, content)
    assert hostile.are_mixed(taken, len(seeds))
    figure(SECTION, "model files", len(seeds))


def test_random_states_are_taken_whole_or_change_nothing(
    request: pytest.FixtureRequest, figure: Figure
) -> None:
    seeds, taken = hostile.seeds("state", request.config), 0
    for seed in seeds:
        rng = hostile.generator("state", seed)
        model = rng.choice(MODELS)()
        state = hostile.state(rng, list(model.state_dict()))
        with hostile.survives(state, f"state, seed {seed}"):
            taken += check_load(model, state)
    assert hostile.are_mixed(taken, len(seeds))
    figure(SECTION, "model files", len(seeds))


# Steps as JSON.


def same(number: float | None, written: float | str | None) -> bool:
    """Whether JSON gives back a number to the last bit; it holds nan and infinities as texts."""
    if number is None or written is None:
        return number is written
    return (
        isinstance(written, str) != math.isfinite(number) and float(written).hex() == number.hex()
    )


def check_steps(y: Value) -> None:
    """The JSON of steps and of a drawing is strict, and reads back to the same."""
    steps = backprop(y, learning_rate=0.1)
    data = strict_json(steps.to_json())
    for node, record in zip(steps.diagram, data["nodes"], strict=True):
        assert (node.name, node.label) == (record["name"], record["label"])
        assert same(node.data, record["data"])
        assert same(steps.gradients.get(node.index), record["gradient"])
        assert all(map(same, node.partials, record["local_derivatives"]))
    for step, record in zip(steps, data["steps"], strict=True):
        for field, entry in record.items():
            held = getattr(step, field)
            assert same(held, entry) if isinstance(held, float) else held == entry
    assert same(steps.new_loss, data["new_loss"])
    nodes = strict_json(draw(y).to_json())["nodes"]
    assert [node["name"] for node in nodes] == [node["name"] for node in data["nodes"]]


@pytest.mark.slow
def test_steps_of_random_graphs_read_back_from_json(
    request: pytest.FixtureRequest, figure: Figure
) -> None:
    seeds = hostile.seeds("graph", request.config)
    for seed in seeds:
        y = hostile.graph(hostile.generator("graph", seed))
        with hostile.survives(y, f"graph, seed {seed}"):
            check_steps(y)
    figure(SECTION, "JSON of steps, written and read back", len(seeds))
