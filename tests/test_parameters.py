"""The parameters of a module, asked for again and again while the module changes in every way.

What was found is remembered, so after each change it is compared with a search that is not.
"""

import copy
import dataclasses
import itertools
import pickle
import random
import weakref
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from glassgrad import MLP, Layer, Module, Neuron, Value, compiled, forget, scope, trap
from glassgrad.engine.vectors import STRUCTURE
from glassgrad.nn.module import training
from glassgrad.nn.parts import Found

Pair = namedtuple("Pair", "left right")


class Upwards(list):
    """A list that is looked through from its end."""

    def __iter__(self):
        return reversed([self[i] for i in range(len(self))])


def looked_for(module):
    """The names and parameters as the documentation of `Module` says, without any memory."""
    found, seen = [], [module]

    def look(path, thing):
        if any(thing is other for other in seen):
            return
        seen.append(thing)
        if isinstance(thing, Value):
            if thing.operation is None and not thing.is_constant:
                found.append((path, thing))
            return
        for name, part in parts_of(thing):
            look(f"{path}.{name}", part)

    for name, part in parts_of(module):
        look(name, part)
    return found


def parts_of(thing):
    if isinstance(thing, Module):
        return [(name, x) for name, x in vars(thing).items() if name[0] != "_"]
    if isinstance(thing, np.ndarray) and thing.dtype == object:
        thing = thing.tolist()
    if isinstance(thing, dict):
        return list(thing.items())
    return list(enumerate(thing)) if isinstance(thing, (list, tuple)) else []


def check(*modules):
    """Twice, since what was found is remembered from the second time on."""
    for module in modules * 2:
        expected = looked_for(module)
        if any(map(has_a_number, reached(module))):
            with pytest.raises(ValueError, match="is the plain number"):
                module.parameters()
            continue
        assert [(name, id(p)) for name, p in module.named_parameters()] == [
            (name, id(p)) for name, p in expected
        ]
        assert list(map(id, module.parameters())) == [id(p) for _, p in expected]


def has_a_number(thing):
    """Whether it is a neuron with a plain number in the place of a parameter."""
    held = [vars(thing).get(name) for name in ("w", "b")] if type(thing) is Neuron else []
    for _ in range(2):  # in a list, and in a row of one
        held = [x.tolist() if isinstance(x, np.ndarray) else x for x in held]
        held = [x for y in held for x in (y if type(y) in (list, tuple) else [y])]
    return any(isinstance(x, float) for x in held)


class Bag(Module):
    """All that may hold parameters, in one module."""

    def __init__(self):
        self.value, self.rate, self.name = Value(1.0), 1.0, "bag"
        self.list = [Value(2.0), [Value(3.0)], Neuron(2)]
        self.dict = {"a": Value(4.0), "inner": {"b": [Value(5.0)]}}
        self.tuple = (Value(6.0), [Value(7.0)], Pair(Value(7.5), [Value(8.0)]))
        self.array = np.array([[Value(8.0)], [Value(9.0)]])
        self.result = Value(1.0) * Value(2.0)
        self.child = Layer(1, 2)
        self.later = None

    def forward(self, x):
        return self.child(x)


class Stubborn(Bag):
    """A class that sets and deletes its attributes in ways of its own, and tells nobody."""

    def __setattr__(self, name, thing):
        vars(self)[name] = thing

    def __delattr__(self, name):
        del vars(self)[name]


@dataclasses.dataclass
class Sized(Module):
    """A module that equals all others of its size."""

    size: int

    def __post_init__(self):
        self.row = [Value(0.0) for _ in range(self.size)]


counter = itertools.count()


def something(draw):
    """A part, or none, at random."""
    return draw.choice([
        lambda: Value(draw.random()),
        lambda: [Value(draw.random()) for _ in range(draw.randrange(3))],
        lambda: {f"k{next(counter)}": Value(0.0)},
        lambda: (Value(0.0), [Value(0.0)]),
        lambda: Neuron(draw.randrange(1, 3)),
        lambda: Sized(2),
        lambda: np.array([Value(0.0), Value(1.0)]),
        lambda: np.array(Value(0.0), dtype=object),  # without axes: no container
        lambda: Upwards([Value(0.0), Value(1.0)]),
        lambda: OrderedDict(x=Value(0.0), y=Value(1.0)),
        lambda: Value(1.0) + Value(2.0),
        lambda: draw.choice([None, 1.0, "text", np.ones(2), max]),
    ])()  # fmt: skip


def reached(module):
    """Everything in a module that can change."""
    seen, left = [], [module]
    while left:
        thing = left.pop()
        if any(thing is other for other in seen):
            continue
        seen.append(thing)
        left += [part for _, part in parts_of(thing)]
    return [x for x in seen if isinstance(x, (Module, list, dict, np.ndarray, Value))]


def change(draw, thing):
    """Change one thing at random, in a way that tells nobody."""
    if isinstance(thing, Module):
        change_module(draw, thing)
    elif isinstance(thing, dict):
        change_dict(draw, thing)
    elif isinstance(thing, list):
        change_list(draw, thing)
    elif isinstance(thing, np.ndarray) and thing.dtype == object and thing.ndim:
        if draw.random() < 0.2:
            thing.resize(thing.shape[::-1], refcheck=False)  # the same array, of another shape
        else:
            thing[tuple(draw.randrange(size) for size in thing.shape)] = draw.choice(
                [Value(0.0), None, thing.flat[0]]
            )
    elif isinstance(thing, Value) and thing.operation is not None:
        forget(thing)


def change_module(draw, module):
    attributes = vars(module)
    kept = ("training", "activation")  # a neuron takes nothing but a function as the second
    name = draw.choice([name for name in attributes if name[0] != "_" and name not in kept])
    new = something(draw)
    draw.choice([
        lambda: put(module, name, new),
        lambda: setattr(module, f"more{next(counter)}", new),
        lambda: delattr(module, name) if len(attributes) > 3 else None,
        lambda: attributes.update({name: new}),
        lambda: object.__setattr__(module, name, new),
        lambda: object.__setattr__(module, "__dict__", {**attributes, name: new}),
        lambda: put(module, name, copied(attributes[name])),  # equal, and another one
        lambda: setattr(module, name, attributes.pop(name)),  # the last of all
        lambda: attributes.update({name: equal(attributes[name])}),
        lambda: attributes.update({f"again{next(counter)}": attributes.pop(name)}),
    ])()  # fmt: skip


def put(module, name, new):
    """Set an attribute; where a number would take the place of parameters, after these are gone."""
    try:
        setattr(module, name, new)
    except TypeError:
        delattr(module, name)
        setattr(module, name, new)


def copied(thing):
    return thing if isinstance(thing, Value) and thing.operation is not None else copy.copy(thing)


def equal(thing):
    """A number for the parameter that has it, or a parameter that has the number."""
    if isinstance(thing, Value):
        return thing.data
    return Value(thing) if isinstance(thing, float) else copied(thing)


def change_dict(draw, table):
    keys = list(table)
    new, key = something(draw), draw.choice(keys) if keys else "k"
    draw.choice([
        lambda: table.update({key: new}),
        lambda: table.update({key: equal(table.get(key))}),
        lambda: table.update({f"k{next(counter)}": new}),
        lambda: table.pop(key, None),
        lambda: table.update({f"k{next(counter)}": table.pop(key, None)}),  # the key alone
        table.clear,
    ])()  # fmt: skip


def change_list(draw, row):
    new, place = something(draw), draw.randrange(len(row) + 1)
    draw.choice([
        lambda: row.append(new),
        lambda: row.insert(place, new),
        lambda: row.__setitem__(slice(place, place + 1), [new]),
        lambda: row.pop() if row else None,
        row.reverse,
        lambda: draw.shuffle(row),
        lambda: row.append(row[0]) if row else None,
        lambda: row.__setitem__(slice(place, place + 1), list(map(copied, row[place:][:1]))),
        lambda: row.__setitem__(slice(place, place + 1), list(map(equal, row[place:][:1]))),
    ])()  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_random_changes_are_seen_at_once(seed):
    draw = random.Random(seed)
    module = (Stubborn if seed % 5 == 0 else Bag)()
    outer = Module()
    outer.inner = module
    check(outer, module)
    for _ in range(25):
        for thing in draw.sample(things := reached(module), min(len(things), draw.randrange(1, 3))):
            change(draw, thing)
        check(outer, module)


def test_a_module_with_compiled_methods_remembers_its_parameters_too():
    class Fitted(Module):
        def __init__(self):
            self.line = Neuron(1)

        @compiled
        def loss(self, x):
            return self.line([x]) ** 2

    module, outer = Fitted(), Module()
    outer.inner = module
    module.loss(1.0)
    check(module, outer)
    for root in (module, outer):
        assert Found.below(root) is Found.below(root)


def test_what_is_in_arrays_and_named_tuples_is_remembered_too():
    module = Module()
    module.array = np.array([[Value(1.0)], [Value(2.0)]])
    module.pair = Pair(Value(3.0), [Value(4.0)])
    assert Found.below(module) is Found.below(module)


def test_a_key_that_equals_the_one_before_is_another_name():
    module = Module()
    module.table = {1: Value(1.0)}
    assert [name for name, _ in module.named_parameters()] == ["table.1"]
    module.table[True] = Value(2.0)  # the key stays
    check(module)
    module.table = {True: module.table.pop(1)}
    assert [name for name, _ in module.named_parameters()] == ["table.True"]


def test_the_list_that_parameters_gives_is_the_callers_own():
    module = Neuron(2)
    module.parameters().clear()
    list(module.named_parameters()).clear()
    assert len(module.parameters()) == len(list(module.named_parameters())) == 3


def test_parameters_of_its_own_and_names_of_its_own_count():
    class Frozen(Neuron):
        def named_parameters(self):
            return (pair for pair in super().named_parameters() if pair[0] != "b")

    neuron = Frozen(2)
    assert neuron.parameters() == neuron.w
    neuron.zero_grad()
    assert [str(p.grad) for p in (*neuron.w, neuron.b)] == ["0.0", "0.0", "–"]


@pytest.mark.parametrize(
    "remake",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda m, p=p: pickle.loads(pickle.dumps(m, p)) for p in range(6)),
    ],
)
def test_a_copy_finds_its_own(remake):
    model = MLP(2, [3, 1])
    check(model)
    model([1.0, 2.0])
    twin = remake(model)
    assert (repr(twin), twin.state_dict()) == (repr(model), model.state_dict())
    check(twin, model)
    twin.layers = twin.layers[:1]
    model.layers[1].neurons.clear()
    check(twin, model)
    assert twin([1.0, 2.0])[0].scope.path() == "MLP.layers.0.neurons.0"


def test_a_copy_that_takes_all_attributes_along_finds_its_own():
    class Whole(Bag):
        def __getstate__(self):
            return vars(self)

        def __setstate__(self, state):
            vars(self).update(state)

    model = Whole()
    del model.result  # it cannot be copied
    model.child.parent = model
    check(model)
    twins = copy.copy(model), copy.deepcopy(model)
    check(*twins)
    model.training = False
    twins[0].train()
    assert model.training  # it is a part of that twin, by way of the child that both have
    for twin in twins:
        twin.value = Value(3.0)
    check(model, *twins)


def test_what_is_remembered_keeps_no_module_alive(without_collector):
    model = MLP(2, [3, 1])
    model.parameters(), model([1.0, 2.0]), list(model.named_parameters())
    layer, whole = weakref.ref(model.layers[0]), weakref.ref(model)
    with without_collector():
        del model
        assert whole() is None
        assert layer() is None


def test_zero_grad_is_refused_as_a_whole_where_one_is_no_value():
    class Odd(Module):
        def parameters(self):
            return [self.w, 3.0]

    odd = Odd()
    odd.w = Value(1.0)
    with pytest.raises(TypeError, match=r"Among the Values is float 3\.0\. Give Values alone"):
        odd.zero_grad()
    assert str(odd.w.grad) == "–"


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "rate", 0.1),
        lambda m: delattr(m, "rate"),
        lambda m: m.eval(),
        lambda m: m.child.train(False),
        lambda m: setattr(m.child.neurons[0], "activation", max),
    ],
)
def test_setting_or_deleting_an_attribute_of_a_module_counts_up(change):
    module = Bag()
    module(1.0)
    before = STRUCTURE.revision
    change(module)
    assert STRUCTURE.revision > before


def test_a_first_call_leaves_the_parts_current_that_were_found_before():
    module = MLP(2, [3, 1])
    module.parameters()
    found = Found.below(module)
    module([1.0, 2.0])
    assert Found.below(module) is found


def test_using_a_module_does_not_count_up():
    module = Bag()
    before = STRUCTURE.revision
    with scope("around"), trap():
        module(1.0)
    module.zero_grad()
    module.train().rate = module.rate  # as it is
    with training([module, module.child], True):
        module(1.0)
    assert STRUCTURE.revision == before
    with training([module, module.child], False):
        assert STRUCTURE.revision > before
        assert [module.training, module.child.training] == [False, False]
    assert [module.training, module.child.training] == [True, True]
