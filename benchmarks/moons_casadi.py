"""The step on two moons in CasADi: scalar code as a graph that its virtual machine replays.

CasADi's SX is the nearest relative of `compiled`: scalar expressions, differentiated as a graph.
It can also be written out as C, which gcc takes about a minute to compile.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.moons_arrays import PENALTY, layers
from benchmarks.steps import Result, Step
from benchmarks.timing import peer

MACHINE, IN_C = "CasADi SX, replayed", "CasADi SX, its C at -O1"


def casadi_step(flat: Any, sizes: Sequence[int], x: Any, y: Any, in_c: bool = False) -> Step:
    """The loss and all gradients, on buffers so that no time goes into conversions."""
    function = scalar_function(len(flat), sizes, x, y)
    if in_c:
        function = compiled_with_gcc(function)
    return Step(on_buffers(function, np.ascontiguousarray(flat)))


def scalar_function(count: int, sizes: Sequence[int], x: Any, y: Any) -> Any:
    """The CasADi function of the parameters; CasADi expands matrices of SX into scalars itself."""
    casadi = peer("casadi")
    flat = casadi.SX.sym("parameters", count)
    # CasADi lays matrices out by columns, the model by rows.
    places = [(w, b) for w, b in layers(np.arange(count), sizes)]
    h = casadi.SX(casadi.DM(x.T))
    for i, (w, b) in enumerate(places):
        weights = casadi.reshape(flat[w.T.ravel(order="C").tolist()], *w.shape)
        h = weights @ h + casadi.repmat(flat[b.tolist()], 1, len(x))
        if i < len(places) - 1:
            h = casadi.fmax(h, 0.0)
    margins = casadi.fmax(1.0 - casadi.DM(y).T * h, 0.0)
    loss = casadi.sum2(margins) / len(y) + PENALTY * casadi.dot(flat, flat)
    return casadi.Function("step", [flat], [loss, casadi.gradient(loss, flat)])


def on_buffers(function: Any, flat: Any) -> Callable[[], Result]:
    """The function on numpy's own memory."""
    loss, gradient = np.zeros(1), np.zeros(len(flat))
    buffer, evaluate = function.buffer()
    buffer.set_arg(0, memoryview(flat))
    buffer.set_res(0, memoryview(loss))
    buffer.set_res(1, memoryview(gradient))
    owners = function, buffer, flat  # CasADi itself keeps none of them alive

    def step(owners: Any = owners) -> Result:
        evaluate()
        return loss[0], gradient

    return step


def compiled_with_gcc(function: Any) -> Any:
    """The function as C, compiled at -O1 and loaded."""
    with TemporaryDirectory() as folder:
        source = Path(folder, "step.c")
        function.generate(source.name, {"main": False})
        shutil.move(source.name, source)
        library = source.with_suffix(".so")
        run(["gcc", "-O1", "-fPIC", "-shared", str(source), "-o", str(library)], check=True)
        return peer("casadi").external("step", str(library))
