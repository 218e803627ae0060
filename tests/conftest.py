"""What several test files share."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Run a program in an interpreter of its own and give what it printed.

    Use it where a failure would end the process, or where what was imported before matters.
    """

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-2000:]}"
        return done.stdout

    return run


@pytest.fixture
def without_collector() -> Callable[[], object]:
    """A `with` block in which only reference counting frees anything."""

    @contextmanager
    def block() -> Iterator[None]:
        gc.collect()
        gc.disable()
        try:
            yield
        finally:
            gc.enable()

    return block
