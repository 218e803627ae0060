"""The text of a program: array instructions written down as numpy, once for both halves.

The group 3 of a layout is called `v3`, its gradient `d3`, and what it reads first `a3`. In the
program that runs on numpy, buffers and all that looks at them are made once; `run` fills them. The
same instructions without a plan of memory are a function for arrays of PyTorch and JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from glassgrad.engine.compile.ir import (
    SAMPLES,
    SEED,
    Array,
    Shape,
    is_array,
    key_of,
    needed,
    unshaped,
)
from glassgrad.engine.compile.lower import Check
from glassgrad.engine.compile.memory import (
    UFUNCS,
    Plan,
    is_placed,
    planned,
    shape_text,
    slice_text,
    takes_out,
)
from glassgrad.engine.printers import number_text

_RUN = "    "
_WORDS = {"0.0": "zero", "0.5": "half", "1.0": "one", "2.0": "two"}
"""Names of numbers; all others are numbered."""
_OUT_BY_NAME = ("larger", "smaller")
"""What numpy wants the place for its result by name for; by position it is quicker."""


class Line(NamedTuple):
    """A line of a program.

    Attributes:
        text: what it computes, as Python.
        about: which scalars it computes, in words; "" if another line says so.
        half: "forward" or "backward".
        group: the group that it serves, by index; None for the frame of the program.
    """

    text: str
    about: str = ""
    half: str = "forward"
    group: int | None = None

    def __str__(self) -> str:
        return f"    {self.text}  # {self.about}" if self.about else f"    {self.text}"


class Outputs(NamedTuple):
    """What a program gives.

    Attributes:
        result: a row of results, or several.
        checks: the comparisons.
        gradients: by the numbers of the arguments, and by captured ones; None if nobody asked.
        watched: what is right only where it is finite.
    """

    result: Array
    checks: Sequence[Check]
    gradients: Sequence[Array | None] = (None, None)
    watched: Sequence[Array] = ()

    def arrays(self) -> list[Array]:
        sides = [side for check in self.checks for side in (check.left, check.right)]
        gradients = [each for each in self.gradients if each is not None]
        return [self.result, *filter(is_array, sides), *gradients, *self.watched]


class NumpySource:
    """The lines of a program, and the arrays that they name.

    Attributes:
        outputs: what it gives.
        order: the instructions that it needs.
        lines: the text, without its first line.
        arrays: the arrays that the text names: constants, indices and walks.
        plan: where the arrays lie; None in a program without memory.
        shapes: of all arrays that it makes once.
    """

    def __init__(self, order: Sequence[Array], outputs: Outputs) -> None:
        self.plan: Plan | None = None
        self.lines: list[Line] = []
        self.arrays: dict[str, Any] = {}
        self.shapes: list[Shape] = []
        self._made_once: list[Line] = []
        self._names: dict[Array, str] = {}
        self._texts: set[str] = set()
        self._once: dict[str, str] = {}
        self._given: dict[Any, str] = {}
        self.outputs = outputs
        is_needed = needed(Outputs(outputs.result, outputs.checks).arrays())
        inputs = [each for each in order if each.kind == "input" and each.half == "forward"]
        is_needed.update(inputs)
        self._forward = [each for each in order if each in is_needed]
        is_needed = needed(outputs.arrays()) - is_needed
        self._backward = [each for each in order if each in is_needed]
        self.order = [*self._forward, *self._backward]

    def with_memory(self) -> str:
        """The program that makes its buffers once: a function that gives one that fills them."""
        self.plan = planned(self.order, self.outputs.arrays())
        self.shapes += self.plan.buffers
        names = [self._input(each) for each in self.order if each.kind == "input"]
        for number, shape in enumerate(self.plan.buffers):
            self._once_line(None, f"m{number} = empty({shape_text(shape)})")
        self._compute()
        inside = [line._replace(text=_RUN + line.text) for line in self.lines]
        self.lines = [*self._made_once, Line("def run():"), *inside]
        listed = ", ".join(f'"{name}": {name}' for name in names if name != SEED)
        self._line(None, f"return {{{listed}}}, run")
        return self._text("def program(samples, seed):")

    def without_memory(self) -> str:
        """The same as a function of arrays that makes a new one for every instruction."""
        self._line(None, "samples = input.shape[1]")
        self._names |= {each: each.name for each in self.order if each.kind == "input"}
        self._compute()
        return self._text("def program(input, captured, seed):")

    def _input(self, array: Array) -> str:
        name, size = self._name(array, array.name), shape_text(array.shape)
        text = f"full({size}, {SEED})" if name == SEED else f"empty({size})"
        self._once_line(array, f"{name} = {text}", array.about)
        return name

    def _compute(self) -> None:
        for array in self._forward:
            self._instruction(array)
        result, checks, gradients, watched = self.outputs
        self._line(None, f"result = {self._read(result)}")
        texts = []
        for check in checks:
            text = f"({self._operand(check.left)} {check.relation} {self._operand(check.right)})"
            texts.append(f"{text}.all(0)" if check.outcome else f"(~{text}).all(0)")
        self._line(None, f"holds = {' & '.join(texts) or True}")
        for array in self._backward:
            self._instruction(array)
        names = ["None" if each is None else self._read(each) for each in (*gradients, *watched)]
        self._line(None, f"return result, holds, {', '.join(names)}")

    def _instruction(self, array: Array) -> None:
        """The lines that compute an array in each run."""
        if array.kind in ("input", "constant") or self._is_made_once(array):
            return
        place = self._place(array) if self._is_fixed(array) else ""
        if place and array.kind == "join":
            self._fill(array, place)
        elif place and (array.kind == "broadcast" or is_placed(array)):
            self._line(array, self._expression(array, place), array.about)
        else:
            text = self._expression(array, place)
            self._line(array, f"{self._name(array)} = {text}", array.about)
            return
        self._names[array] = place

    def _fill(self, array: Array, place: str) -> None:
        """Write what is joined where it belongs: what is steady once, and what is not there yet."""
        assert self.plan is not None
        for part, places in array.parts:
            where = slice_text(places) if array.detail == 0 else f":, {slice_text(places)}"
            if part.is_steady:
                self._once_line(array, f"{place}[{where}] = {self._read(part)}")
            elif self.plan.place.get(unshaped(part)) != (array, places):
                self._line(array, f"{place}[{where}] = {self._read(part)}", array.about)

    # What is made once.

    def _is_fixed(self, array: Array) -> bool:
        return self.plan is not None and array in self.plan.fixed

    def _is_made_once(self, array: Array) -> bool:
        """Whether it is steady, or looks at what lies at one place."""
        return self._is_fixed(array) and (array.is_steady or array.is_view)

    def _read(self, array: Array) -> str:
        """The name of an array; what is made once is made when it is read first."""
        if array.kind == "constant":
            return self._array("k", array.detail)
        if array not in self._names:
            text = self._where(array) if array.is_view else self._expression(array)
            if not array.is_view:
                self.shapes.append(array.shape)
            self._once_line(array, f"{self._name(array)} = {text}", array.about)
        return self._names[array]

    def _where(self, array: Array) -> str:
        """What an array is called where it is not computed yet: by the place where it will lie."""
        if self._is_made_once(array) or array.kind in ("input", "constant"):
            if array.is_view and array not in self._names:
                return self._view(array, self._where(*array.arrays))
            return self._read(array)
        return self._place(array)

    def _place(self, array: Array) -> str:
        """The buffer that an array is written into, or the part of one."""
        assert self.plan is not None
        if array not in self.plan.place:
            return f"m{self.plan.buffer[array]}"
        whole, places = self.plan.place[array]
        text = f"{self._place(whole)}[{slice_text(places)}]"
        if (places.stop - places.start, *whole.shape[1:]) != array.shape:
            text += f".reshape{shape_text(array.shape)}"
        return self._made(text, f"to_{array.label or len(self._once)}")

    def _made(self, text: str, name: str) -> str:
        """The name of what is made once from a text."""
        if text not in self._once:
            self._once[text] = self._new(name)
            self._once_line(None, f"{self._once[text]} = {text}")
        return self._once[text]

    # What an instruction gives.

    def _expression(self, array: Array, out: str = "") -> str:
        """What an instruction gives: a new array, or one that is written into a place."""
        operands = [self._operand_of(array, each) for each in array.operands]
        listed, by_name = ", ".join(operands), "out=" * (array.name in _OUT_BY_NAME)
        into = f", {by_name}{out}" * bool(out)
        if array.is_view:
            return self._view(array, listed)
        if array.kind in ("take", "scatter"):
            return self._indexed(array, self._array("i", array.detail), listed, out)
        if array.kind == "join":
            return f"{'beside' if array.detail else 'join'}({listed})"
        if factors := self._factors(array, operands):
            return f"{self._product(array)}({factors}{into})"
        if array.kind == "sum":
            axis = array.detail
            summed = f"add.reduce({listed}, {axis}, None, {out}, True)"
            return summed if out else f"total({listed}, {axis})"
        if array.kind == "reduce" and out:
            return f"{UFUNCS[array.name]}.reduce({listed}, 1, None{into})"
        if array.kind == "broadcast":
            shape = shape_text(array.shape)
            return f"copyto({out}, {listed})" if out else f"broadcast_to({listed}, {shape})"
        if array.kind == "walk":
            return f"{self._array('w', array.detail)}.{array.name}({listed})"
        return f"{array.name or array.kind}({listed}{into})"

    def _indexed(self, array: Array, index: str, rows: str, out: str) -> str:
        """Rows that are taken from their places, or sent there."""
        if array.kind == "take":
            return f'take({rows}, {index}, 0, {out}, "clip")' if out else f"{rows}[{index}]"
        if not out:
            return f"scatter({rows}, {index}, {array.shape[0]})"
        (given,) = array.arrays
        self._once_line(array, f"{out}.fill(0.0)")
        if array.shape[1:] == (1,) and self._is_fixed(given):  # numpy is quicker with one axis
            out, rows = (
                self._made(f"{each}.reshape(-1)", f"flat{len(self._once)}")
                for each in (out, self._where(given))
            )
        return f"{out}[{index}] = {rows}"

    def _factors(self, array: Array, operands: Sequence[str]) -> str:
        """The operands of a product of two matrices; "" for all else.

        With memory, a sum along rows is one too, and so is what each sample sends back to several
        rows: that is quicker.
        """
        if array.kind == "matmul":
            return ", ".join(operands)
        if self.plan is None or array.is_steady:
            return ""
        if array.kind == "sum" and len(array.shape) == 2:
            size = array.arrays[0].shape[array.detail]
            ones = f"ones{shape_text((size, 1) if array.detail else (1, size))}"
            name = self._made(ones, f"ones{len(self._once)}")
            return ", ".join([*operands, name] if array.detail else [name, *operands])
        return ", ".join(operands) if _is_sent_to_rows(array) else ""

    def _product(self, array: Array) -> str:
        """What multiplies matrices. The quick method does it for two, none of which is a single
        number: of 0 × infinity it then makes 0. A batch may be of one sample.
        """
        shapes = [set(each.shape) for each in array.arrays]
        if any(len(each.shape) != 2 for each in array.arrays):
            return "matmuls"
        if self.plan is None or array.kind == "sum" or not any(s <= {1, SAMPLES} for s in shapes):
            return "matmul"
        return self._made("matmul if samples > 1 else matmuls", "product")

    def _view(self, array: Array, name: str) -> str:
        if array.kind == "take":
            return f"{name}[{slice_text(array.detail)}]"
        if array.kind == "transpose":
            return f"{name}.T" if len(array.shape) == 2 else f"{name}.swapaxes(-1, -2)"
        return f"{name}.reshape{shape_text(array.shape)}"

    # Names and lines.

    def _operand(self, operand: Array | float) -> str:
        if isinstance(operand, Array):
            return self._read(operand)
        text = number_text(operand)
        return text.replace("-0", "-0.0") if operand == 0.0 else text

    def _operand_of(self, reader: Array, operand: Array | float) -> str:
        """What an instruction reads.

        With memory, a single number with which all of an array is computed is an array without
        axes, made once: numpy is quickest with that. The larger of two numbers it finds quicker in
        arrays of one shape.
        """
        is_ours = reader.kind == "call" and not _is_users(reader)
        if self.plan is None or reader.is_steady or not is_ours:
            return self._operand(operand)
        if isinstance(operand, Array):
            is_single = set(operand.shape) == {1} != set(reader.shape)
            if not (is_single and takes_out(reader) and self._is_fixed(operand)):
                return self._read(operand)
            text = f"{self._where(operand)}.reshape(())"
            return self._made(text, f"single_{self._names.get(operand, operand.label)}")
        if reader.name in ("larger", "smaller"):
            text = f"full({shape_text(reader.shape)}, {operand!r})"
            if text not in self._once:
                self.shapes.append(reader.shape)
            return self._made(text, f"{'n' if operand else 'zeros'}{len(self._once)}")
        return self._made(f"array({operand!r})", _WORDS.get(repr(operand), f"n{len(self._once)}"))

    def _name(self, array: Array, name: str = "") -> str:
        """A name for an array: its label, if no other has it."""
        self._names[array] = self._new(name or array.label or f"t{len(self._texts)}")
        return self._names[array]

    def _new(self, name: str) -> str:
        while name in self._texts:
            name = f"{name}_"
        self._texts.add(name)
        return name

    def _array(self, letter: str, thing: Any) -> str:
        """The name of an array, or a walk, that is given to the program."""
        key = key_of(thing)
        if key not in self._given:
            name = self._given[key] = f"{letter}{len(self.arrays)}"
            self.arrays[name] = thing
        return self._given[key]

    def _line(self, array: Array | None, text: str, about: str = "") -> None:
        self.lines.append(_line_of(array, text, about))

    def _once_line(self, array: Array | None, text: str, about: str = "") -> None:
        self._made_once.append(_line_of(array, text, about))

    def _text(self, head: str) -> str:
        return "\n".join([head, *map(str, self.lines), ""])


def _line_of(array: Array | None, text: str, about: str) -> Line:
    return Line(text, about) if array is None else Line(text, about, array.half, array.group)


def _is_users(call: Array) -> bool:
    """Whether a function, or a rule, of a user is called, which may look for plain numbers."""
    return call.detail is None or call.detail.is_checked


def _is_sent_to_rows(array: Array) -> bool:
    """Whether it is a gradient that each sample sends to several rows, × a number for each row."""
    shapes = [each.shape for each in array.arrays]
    is_mul = array.name == "mul" and array.half == "backward" and [*map(len, shapes)] == [2, 2]
    return is_mul and array.has_samples and shapes[0][-1] == shapes[1][0] == 1 < array.shape[0]
