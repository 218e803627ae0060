"""What compiled functions take: arguments and batches, taken apart or refused; and methods."""

import array
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import functools
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import MethodType
from typing import Any, NamedTuple

import numpy as np
import pytest
from replaying import value_and_slopes

import glassgrad
from glassgrad import MLP, Module, Value, compiled, engine, trap
from glassgrad.engine.errors import CompilationError

w = Value(2.0)


# Arguments.


class Mode(enum.IntEnum):
    FAST = 1
    SLOW = 2


class Word(str, enum.Enum):
    ONE = "one"


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclasses.dataclass
class Record:
    a: Any
    b: Any = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: Any
    b: Any = 1


TAKEN: list[Callable[[Any, Any], Any]] = [
    *(Pair, Record, Frozen),
    lambda *parts: [*parts],
    lambda *parts: (*parts,),
    lambda a, b: {"a": a, "b": b},
    lambda a, b: collections.OrderedDict(a=a, b=b),
    lambda a, b: np.array([a, b]),
    lambda a, b: [[a], {"b": Pair(b, "text")}],
    lambda a, b: Record(Record(a, 0), [b]),
]


@pytest.mark.parametrize("make", TAKEN)
def test_what_is_taken_apart_may_be_other_numbers_in_each_call(make: Callable) -> None:
    def total(thing: Any) -> Any:
        if isinstance(thing, (Record, Frozen)):
            return total(thing.a) + total(thing.b)
        if isinstance(thing, dict):
            return sum(map(total, thing.values()))
        if isinstance(thing, (list, tuple, np.ndarray)):
            return sum(map(total, thing))
        return 0.0 if isinstance(thing, str) else thing

    f = compiled(lambda thing: w * total(thing))
    for a, b in ((1.0, 2.0), (3.0, 5.0), (0.5, 0.25)):
        given = make(a, b)
        assert f(given).data == 2.0 * (a + b)
        assert repr(given) == repr(make(a, b))
    assert len(f.recordings) == 1
    x, y = Value(3.0), Value(4.0)
    assert value_and_slopes(f(make(x, y)), [x, y]) == [14.0, 2.0, 2.0]


class Row(list):
    """A list that may have attributes of its own, as these others may."""


class Text(str): ...


class LaterPair(Pair): ...


class Extra:
    __slots__ = ("more",)


@dataclasses.dataclass(slots=True)
class Beside(Extra):
    a: Any


@dataclasses.dataclass
class Weighted(list):
    weight: float = 1.0


@dataclasses.dataclass
class Noted(Text):
    note: Any


class Unit(np.ndarray):
    """An array that may multiply in its own way."""


class Table:
    """As tables and tensors of other libraries are."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0])


def with_more(thing: Any) -> Any:
    thing.more = 2.0
    return thing


def masked() -> Any:
    return np.ma.array([1.0, 2.0], mask=[False, True])


def tensor() -> Any:
    import torch

    return torch.tensor([1.0])


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a set": (lambda: {1.0, 2.0}, "sorted"),
    "a deque": (lambda: collections.deque([1.0]), "list"),
    "an iterator": (lambda: iter([1.0]), "list"),
    "an array of Python": (lambda: array.array("d", [1.0]), "list"),
    "a view": (lambda: memoryview(b"1"), "asarray"),
    "a table": (Table, "asarray"),
    "a tensor": (tensor, "asarray"),
    "a subclass of list": (lambda: with_more(Row([1.0])), "list"),
    "a subclass of dict": (lambda: collections.Counter("aa"), "dict"),
    "values": ({1.0: 2.0}.values, "sorted"),
    "masked entries": (masked, "filled"),
    "an array of a class of its own": (lambda: np.array([1.0]).view(Unit), "asarray"),
    "a date": (lambda: datetime.date(2020, 1, 1), "float"),
    "a span of numpy": (lambda: np.timedelta64(1, "s"), "float"),
    "a complex number": (lambda: 1j, "float"),
    "a decimal": (lambda: decimal.Decimal("0.1"), "float"),
    "more than fields": (lambda: with_more(Record(1.0)), "fields"),
    "slots beside fields": (lambda: with_more(Beside(1.0)), "fields"),
    "a list with fields": (lambda: Weighted(2.0), "fields"),
    "a text with fields": (lambda: Noted("a"), "fields"),
    "a text with an attribute": (lambda: with_more(Text("a")), "str"),
    "a named tuple with an attribute": (lambda: with_more(LaterPair(1.0, 2.0)), "list"),
}
NEEDED = {"a tensor": "torch"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.needs(NEEDED[name])) if name in NEEDED else name
        for name in REFUSED
    ],
)
def test_what_cannot_be_taken_apart_is_refused_with_a_remedy(name: str) -> None:
    make, remedy = REFUSED[name]
    f = compiled(lambda x=0.0, **named: w * 1.0, audit=False)
    for call, role in (
        (lambda: f([{"deep": (1.0, make())}]), r"Argument 1 of <lambda>\(\.\.\.\) holds"),
        (lambda: f(1.0, named=make()), r"<lambda>\(named=\.\.\.\) holds"),
    ):
        for block in (nullcontext(), trap()):
            with block, pytest.raises(TypeError, match=f"{role}.*freeze.*{remedy}"):
                call()
    assert not f.recordings


@pytest.mark.parametrize("array", [np.array(["3", "4"]), np.array([1 + 5j, 2.0])])
def test_arrays_of_anything_but_real_numbers_are_refused(array: Any) -> None:
    f = compiled(lambda xs: engine.sum(xs) * w)
    for call in (lambda: f(array), lambda: f.value_and_grad([w])(array[:1], [[1.0]])):
        with pytest.raises(TypeError, match="real numbers, not of"):
            call()


KINDS = [(True, 3.0), (Mode.FAST, 5.0), (Word.ONE, 7.0)]
TOLD_APART: dict[str, tuple[Callable[[Any], Any], dict[Any, Any] | list[tuple[Any, float]]]] = {
    "1 and True as keys": (
        lambda d: sum(type(key) is bool for key in d) + 1,
        [({1: 2.0}, 1), ({True: 2.0}, 2), ({1: 2.0}, 1)],
    ),
    "zeros as keys": (
        lambda d: str(next(iter(d))).count("-"),
        [({-0.0: 1.0}, 1), ({0.0: 1.0}, 0), ({(1, -2): 1.0}, 1)],
    ),
    "flags, numbers and members": (
        lambda x: next((number for kind, number in KINDS if x is kind), 9.0),
        [*zip([True, 1, Mode.FAST, Mode.SLOW, Word.ONE, "one", True], [3, 9, 5, 9, 7, 9, 3])],
    ),
    "ranges that give the same numbers": (
        lambda numbers: numbers.stop,
        [(range(0, stop, 2), stop) for stop in (3, 4, 3)],
    ),
    "dicts of other keys": (
        lambda d: len(d) + ("b" in d),
        [({}, 0), ({"a": 1.0}, 1), ({"b": 1.0}, 2), ({}, 0)],
    ),
    "whole numbers, compared by number": (
        lambda pair: 3.0 if pair[0] == pair[1] else 5.0 if pair[0] != 2 else 1.0,
        [((1, 1), 3.0), ((1, 2), 5.0), ((2, 1), 1.0), ((2, 2), 3.0)],
    ),
}


@pytest.mark.parametrize("name", TOLD_APART)
@pytest.mark.parametrize("block", [nullcontext, trap])
def test_what_is_equal_but_not_the_same_is_told_apart(name: str, block: Callable) -> None:
    function, pairs = TOLD_APART[name]
    f = compiled(lambda thing: w * function(thing))
    with block():
        for thing, expected in pairs:
            assert f(thing).data == 2.0 * expected


@pytest.mark.parametrize("kind", [int, lambda n: np.array([n]), lambda n: [np.int64(n)]])
@pytest.mark.parametrize("sign", [1, -1])
def test_whole_numbers_beyond_floats_are_refused(kind: Callable, sign: int) -> None:
    f = compiled(lambda n: w * int(n if isinstance(n, Value) else n[0]))
    for block in (nullcontext(), trap()):
        with block:
            assert f(kind(sign * 2**53)).data == sign * 2.0**54
            with pytest.raises(TypeError, match=r"Argument 1 of .* beyond 2⁵³"):
                f(kind(sign * (2**53 + 1)))


def test_a_batch_of_many_large_whole_numbers_is_taken_up_to_the_largest() -> None:
    f = compiled(lambda n: w * n)
    rows = np.full(100, 2**53)  # each as a float is exact, and so the sum of their squares is large
    rows[50] = -(2**53)
    assert f.map(rows).tolist() == (rows * 2.0).tolist()
    for number in (2**53 + 1, -(2**53) - 1):
        rows[50] = number
        with pytest.raises(TypeError, match="beyond 2⁵³"):
            f.map(rows)


def test_an_index_is_looked_at_again_also_where_python_leaves_assertions_out() -> None:
    program = "from glassgrad import compiled; f = compiled(lambda i, x: [x, -x][i], audit=False)"
    command = [sys.executable, "-O", "-c", f"{program}; print(f(0, 2.0).data, f(1, 2.0).data)"]
    root = Path(glassgrad.__file__).parent.parent
    found = subprocess.run(command, capture_output=True, check=True, cwd=root, text=True)
    assert found.stdout.split() == ["2.0", "-2.0"]


def test_a_number_too_large_is_refused_in_a_sentence() -> None:
    with pytest.raises(OverflowError, match="no float near it"):
        compiled(lambda x: w * x)(10**400)


def test_a_whole_number_beyond_floats_is_compared_as_infinity() -> None:
    f = compiled(lambda x: w * x if -(10**400) < x < 10**400 else -x)
    numbers = [1.0, math.inf, 3.0, -math.inf]
    assert [f(x).data for x in numbers] == [2.0, -math.inf, 6.0, math.inf]
    assert f.map(numbers).tolist() == [2.0, -math.inf, 6.0, math.inf]
    assert f.value_and_grad([w])([5.0], numbers[::2])[0] == 10.0


def test_a_method_as_an_argument_is_the_same_in_each_call() -> None:
    model = MLP(1, [1], seed=0)
    f = compiled(lambda x, run: run([x]))
    for _ in range(3):
        f(1.0, model.forward)
    assert len(f.recordings) == 1


BATCHES: dict[str, tuple[tuple[Any, ...], type[Exception], str]] = {
    "masked entries": ((masked(),), TypeError, r"masked entries.*filled\(0\)"),
    "None": (([1.0, None],), TypeError, r"Argument 1 of .*\[1\] is NoneType None, and no real"),
    "texts": ((["1.0", "2.0"],), TypeError, "holds texts, and takes real numbers"),
    "whole numbers beyond floats": (([2**53 + 1, 1],), TypeError, "beyond 2⁵³"),
    "the least of them": ((np.array([1, -(2**53) - 1]),), TypeError, "beyond 2⁵³"),
    "a set": (({1.0, 2.0},), TypeError, "order"),
    "complex numbers": (([1j],), TypeError, "real numbers"),
    "Values": (([w],), TypeError, r"\[0\] is Value.*numbers of Values"),
    "a dict": (({"x": [1.0]},), ValueError, "a row a sample, not dict"),
    "one number": ((3.0,), ValueError, "Argument 1 .* is one number, .* Repeat it"),
    "an array of no axes": ((np.array(3.0),), ValueError, "Argument 1 .* is one number"),
    "nothing": ((), ValueError, r"\w+\(...\) takes an array for each argument.*not nothing"),
    "no samples": ((np.zeros((0, 2)),), ValueError, "no samples"),
    "two numbers of samples": (([1.0], [1.0, 2.0]), ValueError, "the arguments have 1, 2"),
    "rows of two lengths": (([[1.0], [2.0, 3.0]],), ValueError, "different lengths"),
}


@pytest.mark.parametrize("name", BATCHES)
def test_what_is_no_batch_is_refused(name: str) -> None:
    batch, error, said = BATCHES[name]
    f = compiled(lambda *xs: w * xs[0])
    for call in (f.over, f.map, lambda *X: f.value_and_grad([w])([1.0], *X)):
        with pytest.raises(error, match=said):
            call(*batch)
    assert not f.recordings


def test_there_are_three_reductions() -> None:
    f = compiled(lambda x: w * x)
    for wrong, call in (("max", f.over), ("none", lambda x, **how: f.value_and_grad([w], **how))):
        with pytest.raises(ValueError, match=f"reduction is one of mean, sum.*, not '{wrong}'"):
            call([1.0], reduction=wrong)


# Where it runs as it is written.


def test_arguments_may_have_any_name() -> None:
    def keyword_names(x: Any, **named: Any) -> Any:
        return x * w + named["self"] + named["function"] + named["mode"] + named["args"]

    f = compiled(keyword_names)
    named = {"self": 1.0, "function": 2.0, "mode": 3.0, "args": 4.0}
    assert f(1.0, **named).data == 12.0
    with trap():
        assert f(1.0, **named).data == 12.0
    assert f.check(1.0, **named)


@pytest.mark.parametrize("way", ["trap", "another", "unsteady"])
def test_numbers_are_values_wherever_it_runs(way: str) -> None:
    f = compiled(lambda x, xs, i: w * x.exp() + xs[0].exp() + [x, w][i] * i.exp())
    arguments = (1.0, [2, 0.5], 1)
    expected = (2.0 * w * engine.exp(1.0) + engine.exp(2.0)).data
    if way == "unsteady":
        f._cache.why_eager = "this is a test"
    another = compiled(lambda *xs: f(*xs) + 0.0 * xs[0])
    with trap() if way == "trap" else nullcontext():
        found = (another if way == "another" else f)(*arguments)
    assert isinstance(found, Value)
    assert found.data == pytest.approx(expected, rel=1e-14)


def test_a_result_that_is_no_value_is_refused_wherever_it_runs() -> None:
    f = compiled(lambda x: [x, x])
    for block, call in ((trap, f), (nullcontext, lambda x: f.over([x]))):
        with block(), pytest.raises(CompilationError, match=r"list.*<lambda>\.map\(\.\.\.\) gives"):
            call(1.0)
    with pytest.raises(CompilationError, match="returned a list"):
        compiled(lambda x: f(x)[0])(1.0)


# Methods. Each multiplies by a number `k` of what it belongs to.


class Base:
    k: Any = 2.0

    def __init__(self, k: float = 2.0) -> None:
        self.k = Value(k)

    @compiled
    def loss(self, x: Any) -> Any:
        return self.k * x

    twin = compiled(lambda self, x: self.k * x)
    other = compiled(lambda self, x: self.k * x * 3.0)


class Overriding(Base):
    @compiled
    def loss(self, x: Any) -> Any:
        return 100.0 * self.k * x


class Calling(Base):
    @compiled
    def loss(self, x: Any) -> Any:
        return 5.0 * super().loss(x)


class WithSlots:
    __slots__ = ("k",)

    loss = compiled(lambda self, x: self.k * x)


class OfClass:
    k = 2.0
    inner = classmethod(compiled(lambda cls, x: x * cls.k))
    outer = compiled(classmethod(lambda cls, x: x * cls.k))
    inner_static = staticmethod(compiled(lambda x: x * OfClass.k))
    outer_static = compiled(staticmethod(lambda x: x * OfClass.k))
    value = property(compiled(lambda self: w * self.k))


class OfSubclass(OfClass):
    k = 7.0


class Keeping(Module):
    """It keeps a compiled method of its own."""

    def __init__(self) -> None:
        self.k = Value(2.0)
        self.loss = compiled(self.forward)

    def forward(self, x: Any) -> Any:
        return self.k * x


Owned = tuple[Callable[[], Any], Callable[[Any], Any], float]
METHODS: dict[str, Owned] = {
    "a method": (Base, lambda thing: thing.loss, 1.0),
    "one of two of one name": (Base, lambda thing: thing.twin, 1.0),
    "the other one": (Base, lambda thing: thing.other, 3.0),
    "one that overrides": (Overriding, lambda thing: thing.loss, 100.0),
    "one that is overridden": (Overriding, lambda thing: super(Overriding, thing).loss, 1.0),
    "one that calls that of super": (Calling, lambda thing: thing.loss, 5.0),
    "one of an object with slots": (WithSlots, lambda thing: thing.loss, 1.0),
    "one that an object keeps": (Keeping, lambda thing: thing.loss, 1.0),
    "one that is bound": (Base, lambda thing: compiled(MethodType(loss_of, thing)), 1.0),
    "a classmethod": (lambda: OfClass, lambda kind: kind.outer, 1.0),
    "one of a subclass": (lambda: OfSubclass, lambda kind: kind.outer, 1.0),
    "one of its object": (lambda: OfSubclass, lambda kind: kind().outer, 1.0),
    "a static method": (lambda: OfClass, lambda kind: kind.outer_static, 1.0),
    "one inside": (lambda: OfClass, lambda kind: kind().inner_static, 1.0),
}


def loss_of(self: Any, x: Any) -> Any:
    return x * self.k


@pytest.mark.parametrize("name", METHODS)
def test_a_method_belongs_to_its_object(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, get, factor = METHODS[name]
    thing, another = make(), make()
    for k in (4.0, 5.0):
        monkeypatch.setattr(thing, "k", k, raising=False)
        for _ in range(2):
            method = get(thing)
            assert method(1.0).data == factor * k
            assert method.over([1.0, 2.0], reduction="sum").data == 3.0 * factor * k
            assert method.map([1.0, 2.0]).tolist() == [factor * k, 2.0 * factor * k]
    if another is not thing and name != "one of an object with slots":
        assert get(another)(1.0).data == 2.0 * factor
    if name in ("a method", "one that is overridden", "a classmethod") or "slots" in name:
        assert get(thing) is get(thing)
        assert get(thing).recordings


def test_of_many_objects_with_slots_the_methods_of_the_last_are_kept() -> None:
    things = [WithSlots() for _ in range(40)]
    for k, thing in enumerate(things * 2):
        thing.k = Value(float(k))
        assert thing.loss(1.0).data == k
    assert 1 <= len(vars(WithSlots)["loss"]._slotted) <= 16


def test_gradients_flow_to_what_a_method_reads_of_super() -> None:
    calling = Calling()
    assert value_and_slopes(calling.loss(3.0), [calling.k]) == [30.0, 15.0]


def test_a_class_may_be_patched() -> None:
    class Cell:
        loss = compiled(lambda self, x: 2 * x)

    cell = Cell()
    assert cell.loss(1.0).data == 2.0
    Cell.loss = compiled(lambda self, x: 50 * x)
    assert cell.loss(1.0).data == 50.0


AGAIN = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("kind", [Base, Keeping])
def test_a_copy_has_methods_of_its_own(again: Callable, kind: Any) -> None:
    if kind is Keeping and again is copy.copy:
        return  # it keeps what the other one keeps
    thing = kind()
    assert thing.loss(1.0).data == 2.0
    found = again(thing)
    found.k = Value(3.0)
    for _ in range(3):
        assert [found.loss(1.0).data, thing.loss(1.0).data] == [3.0, 2.0]
        assert found.loss.over([1.0, 2.0], reduction="sum").data == 9.0
    assert found.loss is not thing.loss


@pytest.mark.parametrize("again", AGAIN[1:])
def test_a_method_itself_is_copied_with_its_object(again: Callable) -> None:
    methods = [Base(7.0).loss, Base(7.0).twin, super(Overriding, Overriding(7.0)).loss]
    for found in map(again, methods):
        assert found(1.0).data == 7.0
        assert found.over([1.0, 2.0], reduction="sum").data == 21.0
    assert again(OfSubclass.outer)(1.0).data == 7.0


def test_a_compiled_function_inside_a_classmethod() -> None:
    for kind in (OfClass, OfSubclass, OfClass(), OfSubclass()):
        assert kind.inner(1.0).data == kind.k
    if sys.version_info < (3, 13):
        assert OfSubclass.inner.over([1.0, 2.0], reduction="sum").data == 21.0
    else:
        with pytest.raises(TypeError, match=r"without its cls.*@compiled above @classmethod"):
            OfSubclass.inner.over([1.0, 2.0])


def test_a_method_over_samples_without_its_object_is_refused() -> None:
    with pytest.raises(TypeError, match=r"missing 1 required.*without its self, call it on"):
        WithSlots.loss.over([1.0, 2.0])
    with pytest.raises(TypeError, match="has no len"):
        compiled(lambda self, x: self * x * len(3)).over([1.0], [2.0])
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'y'$"):
        compiled(lambda x, y: x * y)(1.0)


def test_a_property_may_be_compiled() -> None:
    thing = OfClass()
    assert thing.value.data == 4.0
    thing.k = 9.0
    assert thing.value.data == 18.0


def test_what_is_no_function_is_refused() -> None:
    for wrong in (3.0, "f", property(lambda self: 1.0)):
        with pytest.raises(TypeError, match="compiled takes a function"):
            compiled(wrong)


def test_options_may_be_given_to_the_decorator() -> None:
    @compiled(audit=False)
    def square(x: Any) -> Any:
        return x * x

    plain = compiled(square.function, audit=False)
    assert (square.title, square(3.0).data, square._is_audited) == ("square", 9.0, False)
    assert plain._is_audited is False
    with pytest.raises(TypeError, match="compiled takes a function, not NoneType None"):
        compiled(None)


@pytest.mark.parametrize(
    ("attempt", "hint"),
    [
        (lambda: LOSS([[1.0], [2.0]], [1.0, 2.0]), "of many <lambda>.over(X, y) is the mean,"),
        (lambda: LOSS(np.ones((2, 1)), np.ones(2)), "of many <lambda>.over(X, y) is the mean,"),
        (lambda: compiled(engine.tanh)([1.0, 2.0]), "tanh.map(X) gives all."),
        (lambda: LOSS(1.0, "a"), None),
        (lambda: LOSS([1.0], Value(2.0)), None),
        (lambda: engine.hessian(compiled(lambda x: x * x))([1.0, 2.0]), "hessian gives lambda the"),
        (lambda: engine.value_and_grad(lambda v: v.sum())([1.0]), "its elements, as v[0] * v[1]."),
        (lambda: engine.value_and_grad(lambda v: v.nothing())(1.0), None),
    ],
)
def test_an_error_inside_a_function_says_how_it_was_called(
    attempt: Callable, hint: str | None
) -> None:
    with pytest.raises((TypeError, AttributeError)) as caught:
        attempt()
    notes = getattr(caught.value, "__notes__", [])
    has_notes = sys.version_info >= (3, 11)
    assert len(notes) == (hint is not None and has_notes)
    assert all(hint in note for note in notes)


LOSS = compiled(lambda x, y: (x * 2.0 - y) ** 2)


@pytest.mark.filterwarnings("ignore:functools.partial will be a method:FutureWarning")  # 3.13
def test_a_partial_in_a_class_is_called_as_python_calls_it() -> None:
    class Holding:
        run = compiled(functools.partial(lambda a, x: a * x, 2.0))

    assert Holding().run(3.0).data == 6.0
