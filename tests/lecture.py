"""The neuron of the lecture, an example that several test files share, and what a call costs."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from glassgrad import Value


def lecture_neuron() -> Value:
    values = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.8813735870195432}
    x1, x2, w1, w2, b = (Value(number, label=name) for name, number in values.items())
    y = (x1 * w1 + x2 * w2 + b).tanh()
    y.label = "o"
    return y


def instructions(run: Callable[[], Any]) -> int:
    """How many instructions of Python a call takes: as time, but the same each time.

    It runs twice: from Python 3.12 on not all instructions of the first run are told.
    """
    found, before = 0, sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal found
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        found += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        run()
        found = 0
        run()
    finally:
        sys.settrace(before)
    return found
