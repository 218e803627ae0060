"""The arguments of compiled functions, taken apart or refused; and compiled methods."""

import array
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import functools
import pickle
import sys
from collections.abc import Callable
from contextlib import nullcontext
from types import MethodType
from typing import Any, NamedTuple

import numpy as np
import pytest
from replaying import value_and_slopes

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


@pytest.mark.parametrize(
    "make",
    [
        Pair,
        Record,
        Frozen,
        lambda *parts: [*parts],
        lambda *parts: (*parts,),
        lambda a, b: {"a": a, "b": b},
        lambda a, b: collections.OrderedDict(a=a, b=b),
        lambda a, b: np.array([a, b]),
        lambda a, b: [[a], {"b": Pair(b, "text")}],
        lambda a, b: Record(Record(a, 0), [b]),
    ],
)
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
        assert f(make(a, b)).data == 2.0 * (a + b)
    assert len(f.recordings) == 1
    x, y = Value(3.0), Value(4.0)
    assert value_and_slopes(f(make(x, y)), [x, y]) == [14.0, 2.0, 2.0]


def test_a_copy_of_an_argument_is_rebuilt_and_the_argument_stays() -> None:
    record = Record(1.0, [2.0])
    f = compiled(lambda record: w * record.a * record.b[0])
    assert f(record).data == 4.0
    assert (record.a, record.b) == (1.0, [2.0])


class Row(list):
    """A list with an attribute of its own."""

    scale = 1.0


def masked() -> Any:
    return np.ma.array([1.0, 2.0], mask=[False, True])


def with_attribute() -> Any:
    row = Row([1.0])
    row.scale = 5.0
    return row


class Text(str):
    """A text that may have attributes."""


class LaterPair(Pair):
    """A named tuple that may have attributes."""


class Extra:
    __slots__ = ("more",)


@dataclasses.dataclass(slots=True)
class Beside(Extra):
    a: Any


def with_entry(entries: list) -> list:
    entries.append(1.0)
    return entries


@dataclasses.dataclass
class Weighted(list):
    weight: float = 1.0


@dataclasses.dataclass
class Noted(Text):
    note: Any


def with_more(thing: Any) -> Any:
    thing.more = 2.0
    return thing


class Unit(np.ndarray):
    """An array that may multiply in its own way."""


class Table:
    """As tables and tensors of other libraries are."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0])


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a set": (lambda: {1.0, 2.0}, "sorted"),
    "a frozen set": (lambda: frozenset([1.0]), "sorted"),
    "a deque": (lambda: collections.deque([1.0]), "list"),
    "an iterator": (lambda: iter([1.0]), "list"),
    "a generator": (lambda: (x for x in [1.0]), "list"),
    "a map": (lambda: map(float, [1]), "list"),
    "an array of Python": (lambda: array.array("d", [1.0]), "list"),
    "bytes that change": (lambda: bytearray(b"1"), "list"),
    "a view": (lambda: memoryview(b"1"), "asarray"),
    "a table": (Table, "asarray"),
    "a subclass of list": (with_attribute, "list"),
    "a counter": (lambda: collections.Counter("aa"), "dict"),
    "keys": ({1.0: 2.0}.keys, "sorted"),
    "values": ({1.0: 2.0}.values, "list"),
    "masked entries": (masked, "filled"),
    "an array of a class of its own": (lambda: np.array([1.0]).view(Unit), "asarray"),
    "a date": (lambda: datetime.date(2020, 1, 1), "float"),
    "a span of time": (lambda: datetime.timedelta(1), "float"),
    "a complex number": (lambda: 1j, "float"),
    "a decimal": (lambda: decimal.Decimal("0.1"), "float"),
    "more than fields": (lambda: with_more(Record(1.0)), "fields"),
    "slots beside fields": (lambda: with_more(Beside(1.0)), "fields"),
    "a list with fields": (lambda: with_entry(Weighted(2.0)), "fields"),
    "a text with fields": (lambda: Noted("a"), "fields"),
    "a text with an attribute": (lambda: with_more(Text("a")), "str"),
    "a named tuple with an attribute": (lambda: with_more(LaterPair(1.0, 2.0)), "list"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_apart_is_refused_with_a_remedy(name: str) -> None:
    make, remedy = REFUSED[name]
    f = compiled(lambda x=0.0, **named: w * 1.0, audit=False)
    for call, role in (
        (lambda: f(make()), r"Argument 1 of <lambda>\(\.\.\.\) holds"),
        (lambda: f([{"deep": (1.0, make())}]), r"Argument 1 of <lambda>\(\.\.\.\) holds"),
        (lambda: f(1.0, named=make()), r"<lambda>\(named=\.\.\.\) holds"),
    ):
        with pytest.raises(TypeError, match=f"{role}.*freeze.*{remedy}"):
            call()
    assert not f.recordings


@pytest.mark.needs("torch")
def test_a_tensor_is_refused() -> None:
    import torch

    with pytest.raises(TypeError, match="asarray"):
        compiled(lambda x: w * 1.0)(torch.tensor([1.0]))


@pytest.mark.parametrize("array", [np.array(["3", "4"]), np.array([1 + 5j, 2.0])])
def test_arrays_of_anything_but_real_numbers_are_refused(array: Any) -> None:
    f = compiled(lambda xs: engine.sum(xs) * w)
    for call in (lambda: f(array), lambda: f.value_and_grad([w])(array[:1], [[1.0]])):
        with pytest.raises(TypeError, match="real numbers, not of"):
            call()


def test_keys_that_are_equal_but_not_the_same_are_told_apart() -> None:
    f = compiled(lambda d: w * [type(key).__name__ for key in d].index("bool") if True in d else w)
    with pytest.raises(ValueError, match="not in list"):
        f({1: 2.0})
    assert f({True: 2.0}).data == 0.0
    with pytest.raises(ValueError, match="not in list"):
        f({1: 2.0})
    g = compiled(lambda d: w * str(next(iter(d))).count("-"))
    assert [g({-0.0: 1.0}).data, g({0.0: 1.0}).data, g({(1, -2): 1.0}).data] == [2.0, 0.0, 2.0]


@pytest.mark.parametrize("kind", [int, lambda n: np.array([n]), lambda n: [np.int64(n)]])
@pytest.mark.parametrize("sign", [1, -1])
def test_whole_numbers_beyond_floats_are_refused(kind: Callable, sign: int) -> None:
    f = compiled(lambda n: w * int(n if isinstance(n, Value) else n[0]))
    assert f(kind(sign * 2**53)).data == sign * 2.0**54
    with pytest.raises(TypeError, match=r"Argument 1 of .* beyond 2⁵³"):
        f(kind(sign * (2**53 + 1)))


def test_flags_numbers_and_members_are_told_apart() -> None:
    kinds = [(True, 3.0), (Mode.FAST, 5.0), (Word.ONE, 7.0)]
    f = compiled(lambda x: w * next((number for kind, number in kinds if x is kind), 9.0))
    given = (True, 1, Mode.FAST, Mode.SLOW, Word.ONE, "one", True)
    assert [f(x).data for x in given] == [6.0, 18.0, 10.0, 18.0, 14.0, 18.0, 6.0]


def test_ranges_are_told_apart_also_where_they_give_the_same_numbers() -> None:
    f = compiled(lambda numbers: w * numbers.stop)
    assert [f(range(0, stop, 2)).data for stop in (3, 4, 3)] == [6.0, 8.0, 6.0]


def test_a_number_too_large_is_refused_in_a_sentence() -> None:
    with pytest.raises(OverflowError, match="no float near it"):
        compiled(lambda x: w * x)(10**400)


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
    "texts among numbers": ((np.array([1.0, "2.0"], object),), TypeError, r"\[1\] is str '2.0'"),
    "whole numbers beyond floats": (([2**53 + 1, 1],), TypeError, "beyond 2⁵³"),
    "a set": (({1.0, 2.0},), TypeError, "order"),
    "a span of time": (([datetime.timedelta(1)],), TypeError, "no real number"),
    "complex numbers": (([1j],), TypeError, "real numbers"),
    "Values": (([w],), TypeError, r"\[0\] is Value.*numbers of Values"),
    "a dict": (({"x": [1.0]},), ValueError, "a row a sample, not dict"),
    "one number": (
        (3.0,),
        ValueError,
        r"Argument 1 .* a row a sample, not float",
    ),
    "nothing": ((), ValueError, r"\w+\(...\) takes an array for each argument.*not nothing"),
    "no samples": (([],), ValueError, "no samples"),
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
    with pytest.raises(ValueError, match="not 'max'"):
        compiled(lambda x: w * x).over([1.0], reduction="max")


# Where it runs as it is written.


def keyword_names(x: Any, **named: Any) -> Any:
    return x * w + named["self"] + named["function"] + named["mode"] + named["args"]


def test_arguments_may_have_any_name() -> None:
    f = compiled(keyword_names)
    named = {"self": 1.0, "function": 2.0, "mode": 3.0, "args": 4.0}
    assert f(1.0, **named).data == 12.0
    with trap():
        assert f(1.0, **named).data == 12.0
    assert f.check(1.0, **named)


def in_another(f: Any) -> Callable[..., Any]:
    return lambda *args: compiled(lambda *xs: f(*xs[1:]) + 0.0 * xs[0])(1.0, *args)


@pytest.mark.parametrize("way", ["trap", "another", "unsteady"])
def test_numbers_are_values_wherever_it_runs(way: str) -> None:
    f = compiled(lambda x, xs, i: w * x.exp() + xs[0].exp() + [x, w][i] * i.exp())
    arguments = (1.0, [2, 0.5], 1)
    expected = (2.0 * w * engine.exp(1.0) + engine.exp(2.0)).data
    if way == "unsteady":
        f._cache.why_eager = "this is a test"
    with trap() if way == "trap" else nullcontext():
        found = (in_another(f) if way == "another" else f)(*arguments)
    assert isinstance(found, Value)
    assert found.data == pytest.approx(expected, rel=1e-14)


def test_whole_numbers_are_compared_by_number_wherever_it_runs() -> None:
    f = compiled(lambda i, j: w * 3.0 if i == j else w * 5.0 if i != 2 else w)
    pairs = [(1, 1), (1, 2), (2, 1), (2, 2)] * 4
    assert [f(i, j).data for i, j in pairs] == [6.0, 10.0, 2.0, 6.0] * 4
    with trap():
        assert [f(i, j).data for i, j in pairs] == [6.0, 10.0, 2.0, 6.0] * 4


def test_a_result_that_is_no_value_is_refused_wherever_it_runs() -> None:
    f = compiled(lambda x: [x, x])
    with trap(), pytest.raises(CompilationError, match="returned a list"):
        f(1.0)
    with pytest.raises(CompilationError, match="returned a list"):
        compiled(lambda x: f(x)[0])(1.0)


# Methods.


class Twice:
    """Two methods of one name."""

    double = compiled(lambda self, x: 2 * x)
    triple = compiled(lambda self, x: 3 * x)


def test_methods_of_one_name_are_two() -> None:
    thing = Twice()
    for _ in range(3):
        assert [thing.double(1.0).data, thing.triple(1.0).data] == [2.0, 3.0]
    assert thing.double is thing.double


class Base:
    def __init__(self) -> None:
        self.w = Value(2.0)

    @compiled
    def loss(self, x: Any) -> Any:
        return self.w * x


class Overriding(Base):
    @compiled
    def loss(self, x: Any) -> Any:
        return 100 + x


class Calling(Base):
    @compiled
    def loss(self, x: Any) -> Any:
        return super().loss(x) + 1


def test_overriding_and_super() -> None:
    thing = Overriding()
    for _ in range(2):
        assert thing.loss(3.0).data == 103.0
        assert super(Overriding, thing).loss(3.0).data == 6.0
    calling = Calling()
    assert value_and_slopes(calling.loss(3.0), [calling.w]) == [7.0, 3.0]


def test_a_class_may_be_patched() -> None:
    class Cell:
        @compiled
        def loss(self, x: Any) -> Any:
            return 2 * x

    cell = Cell()
    assert cell.loss(1.0).data == 2.0

    @compiled
    def loss(self: Any, x: Any) -> Any:
        return 50 * x

    Cell.loss = loss
    assert cell.loss(1.0).data == 50.0


def _loss(self: Any, x: Any) -> Any:
    return self.w * x


class Named:
    """Its method has another name than the function."""

    loss = compiled(_loss)

    def __init__(self, weight: float) -> None:
        self.w = Value(weight)


class Keeping(Module):
    """It keeps a compiled method of its own."""

    def __init__(self) -> None:
        self.w = Value(2.0)
        self.run = compiled(self.forward)

    def forward(self, x: Any) -> Any:
        return self.w * x


AGAIN = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("again", AGAIN)
def test_a_copy_has_methods_of_its_own(again: Callable) -> None:
    thing = Named(2.0)
    assert thing.loss(1.0).data == 2.0
    found = again(thing)
    found.w = Value(3.0)
    for _ in range(3):
        assert [found.loss(1.0).data, thing.loss(1.0).data] == [3.0, 2.0]
    assert found.loss is not thing.loss
    assert len(thing.loss.recordings) == len(found.loss.recordings) == 1


@pytest.mark.parametrize("again", AGAIN[1:])
def test_a_method_that_is_kept_belongs_to_the_copy(again: Callable) -> None:
    thing = Keeping()
    thing.run(1.0)
    found = again(thing)
    found.w.data = 5.0
    assert [found.run(1.0).data, thing.run(1.0).data] == [5.0, 2.0]
    assert found.run.over([1.0, 2.0], reduction="sum").data == 15.0


@pytest.mark.parametrize("again", AGAIN[1:])
def test_a_method_itself_is_copied_with_its_object(again: Callable) -> None:
    found = again(Named(7.0).loss)
    assert found(1.0).data == 7.0
    assert found.over([1.0, 2.0], reduction="sum").data == 21.0
    inherited = again(super(Overriding, Overriding()).loss)
    assert inherited(3.0).data == 6.0


class OfClass:
    k = 2.0

    @classmethod
    @compiled
    def inner(cls, x: Any) -> Any:
        return x * cls.k

    @compiled
    @classmethod
    def outer(cls, x: Any) -> Any:
        return x * cls.k

    @staticmethod
    @compiled
    def inner_static(x: Any) -> Any:
        return x * 3.0

    @compiled
    @staticmethod
    def outer_static(x: Any) -> Any:
        return x * 3.0

    @property
    @compiled
    def value(self) -> Any:
        return w * self.k


class OfSubclass(OfClass):
    k = 7.0


@pytest.mark.parametrize("name", ["inner", "outer"])
def test_methods_of_classes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        for kind in (OfClass, OfSubclass, OfClass(), OfSubclass()):
            assert getattr(kind, name)(1.0).data == kind.k
    monkeypatch.setattr(OfClass, "k", 5.0)
    assert getattr(OfClass, name)(1.0).data == 5.0
    assert getattr(OfSubclass, name)(1.0).data == 7.0


def test_a_method_of_a_class_over_samples() -> None:
    for kind in (OfSubclass, OfSubclass()):
        assert kind.outer.over([1.0, 2.0], reduction="sum").data == 21.0
        assert kind.outer.map([1.0, 2.0]).tolist() == [7.0, 14.0]


def test_a_compiled_function_inside_a_classmethod_over_samples() -> None:
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


def test_a_bound_method_may_be_compiled() -> None:
    first, second = OfClass(), OfClass()
    second.k = 9.0

    def scaled(self: Any, x: Any) -> Any:
        return w * x * self.k

    for thing in (first, second):
        f = compiled(MethodType(scaled, thing))
        assert f(1.0).data == f.over([0.5, 1.5]).data == 2.0 * thing.k
        thing.k = 3.0
        assert f(1.0).data == f.over([0.5, 1.5]).data == 6.0


@pytest.mark.parametrize("name", ["inner_static", "outer_static"])
def test_static_methods(name: str) -> None:
    for thing in (OfClass, OfClass()):
        assert getattr(thing, name)(2.0).data == 6.0
        assert getattr(thing, name).map([1.0, 2.0]).tolist() == [3.0, 6.0]


def test_a_property_may_be_compiled() -> None:
    thing = OfClass()
    assert thing.value.data == 4.0
    thing.k = 9.0
    assert thing.value.data == 18.0


class WithSlots:
    __slots__ = ("w",)

    @compiled
    def loss(self, x: Any) -> Any:
        return self.w * x


def test_an_object_with_slots_has_compiled_methods() -> None:
    thing = WithSlots()
    thing.w = Value(2.0)
    assert thing.loss(3.0).data == 6.0
    thing.w = Value(5.0)
    assert thing.loss(3.0).data == 15.0


def test_what_is_no_function_is_refused() -> None:
    for wrong in (3.0, "f", property(lambda self: 1.0)):
        with pytest.raises(TypeError, match="compiled takes a function"):
            compiled(wrong)


@pytest.mark.filterwarnings("ignore:functools.partial will be a method:FutureWarning")  # 3.13
def test_a_partial_in_a_class_is_called_as_python_calls_it() -> None:
    class Holding:
        run = compiled(functools.partial(lambda a, x: a * x, 2.0))

    assert Holding().run(3.0).data == 6.0
