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
        plan: where the arrays lie.
        filled: the shapes of the arrays that hold one number everywhere, by the texts.
    """

    def __init__(self, order: Sequence[Array], outputs: Outputs) -> None:
        self.lines: list[Line] = []
        self.arrays: dict[str, Any] = {}
        self._names: dict[Array, str] = {}
        self._texts: set[str] = set()
        self.filled: dict[str, Shape] = {}
        self._once: dict[str, str] | None = None
        self._given: dict[Any, str] = {}
        self._places: dict[Array, str] = {}
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
        self.plan = plan = planned(self.order, self.outputs.arrays())
        once = self._once = dict[str, str]()
        inputs = [each for each in plan.order if each.kind == "input"]
        for array in inputs:
            name, size = self._name(array, array.name), shape_text(array.shape)
            text = f"full({size}, {SEED})" if name == SEED else f"empty({size})"
            self._line(array, f"{name} = {text}", array.about)
        for number, shape in enumerate(plan.buffers):
            self._line(None, f"m{number} = empty({shape_text(shape)})")
        inside: list[Line] = []
        readers = self._readers()
        for array in plan.order:
            if array in plan.fixed and array.kind != "input":
                self._fix(array, readers.get(array, []))
        prepared, self.lines = self.lines, inside
        self._compute(self._forward)
        self._finish_forward()
        self._compute(self._backward)
        self._finish()
        body, self.lines = self.lines, prepared
        for text, name in once.items():
            self._line(None, f"{name} = {text}")
        self._line(None, "def run():")
        self.lines += [line._replace(text=_RUN + line.text) for line in body]
        listed = ", ".join(f'"{each.name}": {each.name}' for each in inputs if each.name != SEED)
        self._line(None, f"return {{{listed}}}, run")
        return self._text("def program(samples, seed):")

    def _readers(self) -> dict[Array, list[Array]]:
        """By whom each array is read; parts that are written where they belong are not."""
        found: dict[Array, list[Array]] = {}
        for array in self.plan.order:
            if array.kind == "join":
                read = [p for p, places in array.parts if not self._is_there(array, p, places)]
            else:
                read = array.arrays
            for operand in read:
                found.setdefault(operand, []).append(array)
        for output in self.outputs.arrays():
            found.setdefault(output, []).append(output)
        return found

    def _is_there(self, array: Array, part: Array, places: slice) -> bool:
        """Whether a part of joined arrays is written where it belongs."""
        return self.plan.place.get(unshaped(part)) == (array, places)

    def _fix(self, array: Array, readers: Sequence[Array]) -> None:
        """What is made once: the place of a computed array, or what looks at one."""
        plan, about = self.plan, array.about
        if array.kind == "constant":
            self._constant(array)
        elif array.is_steady:
            text = self._expression(array)
            self._line(array, f"{self._name(array)} = {text}", about)
            self.filled[text] = array.shape
        elif array.is_view:
            (looked_at,) = array.arrays
            text = self._view(array, self._places.get(looked_at) or self._names[looked_at])
            if not readers:
                return
            if len(readers) == 1 and not array.label and readers[0].is_view:
                self._names[array] = text  # it is part of a longer line
                return
            self._line(array, f"{self._name(array)} = {text}", about)
        elif array in plan.place:
            self._places[array] = f"to_{self._name(array)}"
            self._line(array, f"{self._places[array]} = {self._place(array)}")
        else:
            self._places[array] = self._place(array)
        if not array.is_steady and _is_statement(array):  # it gives no name to what it fills
            self._names[array] = self._places[array]
            self._prepare(array)

    def _place(self, array: Array) -> str:
        """The buffer that an array is written into, or the part of one."""
        if array not in self.plan.place:
            return f"m{self.plan.buffer[array]}"
        whole, places = self.plan.place[array]
        text = f"{self._place(whole)}[{slice_text(places)}]"
        if (places.stop - places.start, *whole.shape[1:]) != array.shape:
            text += f".reshape{shape_text(array.shape)}"
        return text

    def _prepare(self, array: Array) -> None:
        """What is written once: zeros, and the parts of joined arrays that are steady."""
        if is_placed(array):
            self._line(array, f"{self._places[array]}.fill(0.0)")
        for part, places in array.parts if array.kind == "join" else ():
            if part.is_steady:
                self._write(array, part, places)

    def _write(self, array: Array, part: Array, places: slice, about: str = "") -> None:
        where = slice_text(places) if array.detail == 0 else f":, {slice_text(places)}"
        self._line(array, f"{self._names[array]}[{where}] = {self._names[part]}", about)

    def _compute(self, order: Sequence[Array]) -> None:
        plan = self.plan
        for array in order:
            is_there = array.is_steady or (array.is_view and array in plan.fixed)
            if is_there or array.kind == "input":
                continue
            if array.kind == "join" and array in plan.fixed:
                self._fill(array)
                continue
            text = self._expression(array, self._places.get(array, ""))
            if array not in plan.fixed or not _is_statement(array):
                text = f"{self._names.get(array) or self._name(array)} = {text}"
            self._line(array, text, array.about)

    def _fill(self, array: Array) -> None:
        """Write the parts of joined arrays that are not there yet."""
        for part, places in array.parts:
            if not (part.is_steady or self._is_there(array, part, places)):
                self._write(array, part, places, array.about)

    def without_memory(self) -> str:
        """The same as a function of arrays that makes a new one for every instruction."""
        self._line(None, "samples = input.shape[1]")
        for array in self.order:
            if array.kind == "input":
                self._names[array] = array.name
            elif array.kind == "constant":
                self._constant(array)
            else:
                text = self._expression(array)
                self._line(array, f"{self._name(array)} = {text}", array.about)
        self._finish_forward()
        self._finish()
        return self._text("def program(input, captured, seed):")

    def _expression(self, array: Array, out: str = "") -> str:
        """What an instruction gives: a new array, or one that is written into a place."""
        operands = [self._operand_of(array, each) for each in array.operands]
        listed, into = ", ".join(operands), f", out={out}" * bool(out)
        if array.is_view:
            return self._view(array, listed)
        if array.kind == "take":
            index = self._array("i", array.detail)
            return f'take({listed}, {index}, 0, {out}, "clip")' if out else f"{listed}[{index}]"
        if array.kind == "join":
            return f"{'beside' if array.detail else 'join'}({listed})"
        if factors := self._factors(array, operands):
            return f"{self._product(array)}({factors}{into})"
        if array.kind == "sum":
            axis = array.detail
            return (
                f"add.reduce({listed}, {axis}, None, {out}, True)"
                if out
                else f"total({listed}, {axis})"
            )
        if array.kind == "reduce" and out:
            return f"{UFUNCS[array.name]}.reduce({listed}, 1{into})"
        if array.kind == "broadcast":
            shape = shape_text(array.shape)
            return f"copyto({out}, {listed})" if out else f"broadcast_to({listed}, {shape})"
        if array.kind == "scatter":
            index = self._array("i", array.detail)
            return (
                self._placed(array, index, listed, out)
                if out
                else f"scatter({listed}, {index}, {array.shape[0]})"
            )
        if array.kind == "walk":
            return f"{self._array('w', array.detail)}.{array.name}({listed})"
        return f"{array.name or array.kind}({listed}{into})"

    def _placed(self, array: Array, index: str, rows: str, out: str) -> str:
        """Rows that are written at their places; of columns, numpy is quicker with one axis."""
        once, (given,) = self._once, array.arrays
        if once is not None and array.shape[1:] == (1,) and given in self.plan.fixed:
            out, rows = [
                once.setdefault(f"{each}.reshape(-1)", f"flat{len(once)}")
                for each in (out, self._places.get(given, rows))
            ]
        return f"{out}[{index}] = {rows}"

    def _factors(self, array: Array, operands: Sequence[str]) -> str:
        """The operands of a product of two matrices; "" for all else.

        With memory, a sum along rows is one too, and so is what each sample sends back to several
        rows: that is quicker.
        """
        if array.kind == "matmul" and not array.name:
            return ", ".join(operands)
        if self._once is None or array.is_steady:
            return ""
        if array.kind == "sum" and len(array.shape) == 2:
            size = array.arrays[0].shape[array.detail]
            ones = f"ones{shape_text((size, 1) if array.detail else (1, size))}"
            name = self._once.setdefault(ones, f"ones{len(self._once)}")
            return ", ".join([*operands, name] if array.detail else [name, *operands])
        return ", ".join(operands) if _is_sent_to_rows(array) else ""

    def _product(self, array: Array) -> str:
        """What multiplies matrices. The quick method does it for two, none of which is a single
        number: of 0 × infinity it then makes 0. A batch may be of one sample.
        """
        shapes = [set(each.shape) for each in array.arrays]
        if any(len(each.shape) != 2 for each in array.arrays) or {1} in shapes:
            return "matmuls"
        if self._once is None or array.kind == "sum" or not any(s <= {1, SAMPLES} for s in shapes):
            return "matmul"
        return self._once.setdefault("matmul if samples > 1 else matmuls", "product")

    def _view(self, array: Array, name: str) -> str:
        if array.kind == "take":
            return f"{name}[{slice_text(array.detail)}]"
        if array.kind == "transpose":
            return f"{name}.T" if len(array.shape) == 2 else f"{name}.swapaxes(-1, -2)"
        return f"{name}.reshape{shape_text(array.shape)}"

    def _finish_forward(self) -> None:
        result, checks, *_ = self.outputs
        self._line(None, f"result = {self._names[result]}")
        texts = []
        for check in checks:
            text = f"({self._operand(check.left)} {check.relation} {self._operand(check.right)})"
            texts.append(f"{text}.all(0)" if check.outcome else f"(~{text}).all(0)")
        self._line(None, f"holds = {' & '.join(texts) or True}")

    def _finish(self) -> None:
        given = (*self.outputs.gradients, *self.outputs.watched)
        names = ["None" if each is None else self._names[each] for each in given]
        self._line(None, f"return result, holds, {', '.join(names)}")

    # Names and lines.

    def _operand(self, operand: Array | float) -> str:
        if isinstance(operand, Array):
            return self._names[operand]
        return (
            number_text(operand).replace("-0", "-0.0") if operand == 0.0 else number_text(operand)
        )

    def _operand_of(self, reader: Array, operand: Array | float) -> str:
        """What an instruction reads.

        With memory, a single number with which all of an array is computed is an array without
        axes, made once: numpy is quickest with that. The larger of two numbers it finds quicker in
        arrays of one shape.
        """
        once = self._once
        is_plain = once is None or reader.is_steady or not takes_out(reader)
        if once is None or is_plain or reader.kind != "call":
            return self._operand(operand)
        if isinstance(operand, Array):
            name, is_single = self._names[operand], set(operand.shape) == {1} != set(reader.shape)
            if not is_single or operand not in self.plan.fixed:
                return name
            text = f"{self._places.get(operand, name)}.reshape(())"
            return once.setdefault(text, f"single_{name}")
        if reader.name in ("larger", "smaller"):
            text = f"full({shape_text(reader.shape)}, {operand!r})"
            self.filled[text] = reader.shape
            return once.setdefault(text, f"{'n' if operand else 'zeros'}{len(once)}")
        return once.setdefault(f"array({operand!r})", _WORDS.get(repr(operand), f"n{len(once)}"))

    def _name(self, array: Array, name: str = "") -> str:
        """A name for an array: its label, if no other has it."""
        name = name or array.label or f"t{len(self._texts)}"
        while name in self._texts:
            name = f"{name}_"
        self._texts.add(name)
        self._names[array] = name
        return name

    def _constant(self, array: Array) -> None:
        self._names[array] = self._array("k", array.detail)

    def _array(self, letter: str, thing: Any) -> str:
        """The name of an array, or a walk, that is given to the program."""
        key = key_of(thing)
        if key not in self._given:
            name = self._given[key] = f"{letter}{len(self.arrays)}"
            self.arrays[name] = thing
        return self._given[key]

    def _line(self, array: Array | None, text: str, about: str = "") -> None:
        half = "forward" if array is None else array.half
        self.lines.append(Line(text, about, half, None if array is None else array.group))

    def _text(self, head: str) -> str:
        return "\n".join([head, *map(str, self.lines), ""])


def _is_statement(array: Array) -> bool:
    """Whether a statement fills an array in its place, and not a function that gives it."""
    return array.kind in ("join", "broadcast") or is_placed(array)


def _is_sent_to_rows(array: Array) -> bool:
    """Whether it is a gradient that each sample sends to several rows, × a number for each row."""
    shapes = [each.shape for each in array.arrays]
    is_mul = array.name == "mul" and array.half == "backward" and [*map(len, shapes)] == [2, 2]
    return is_mul and array.has_samples and shapes[0][-1] == shapes[1][0] == 1 < array.shape[0]
