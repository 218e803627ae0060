"""Where the trap is on: inside its `with` block, in its thread and its task, and nowhere else."""

import asyncio
import math

import pytest

from glassgrad import NonFiniteError, Value, engine, no_grad, scope, trap


def is_on() -> bool:
    try:
        engine.log(Value(0.0))
    except NonFiniteError:
        return True
    return False


def test_it_ends_with_the_block() -> None:
    with trap():
        assert is_on()
    assert not is_on()
    with pytest.raises(ZeroDivisionError), trap():
        _ = 1 / 0
    assert not is_on()
    with pytest.raises(NonFiniteError), trap():
        engine.log(Value(0.0))
    assert engine.log(Value(0.0)).data == -math.inf


def test_it_nests() -> None:
    with trap():
        with trap(), scope("inner"):
            assert is_on()
        assert is_on()
        with no_grad():
            assert is_on()
        with pytest.raises(NonFiniteError):
            engine.log(Value(0.0))
        assert is_on()
    assert not is_on()


def test_it_is_a_decorator_too() -> None:
    @trap()
    def watched() -> bool:
        return is_on()

    assert watched()
    assert watched()
    assert not is_on()


def test_it_belongs_to_its_task() -> None:
    async def watched() -> list[bool]:
        with trap():
            found = [is_on()]
            await asyncio.sleep(0)
            return [*found, is_on()]

    async def ordinary() -> list[bool]:
        found = [is_on()]
        await asyncio.sleep(0)
        return [*found, is_on()]

    async def both() -> list[list[bool]]:
        return await asyncio.gather(watched(), ordinary(), watched(), ordinary())

    assert asyncio.run(both()) == [[True, True], [False, False]] * 2
    assert not is_on()
