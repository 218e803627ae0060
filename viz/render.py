"""From DOT to pictures, by whatever Graphviz there is.

In order: `pygraphviz`, whose wheels bring Graphviz along and render in this process; else the `dot`
program on the PATH; else a `RendererMissingError` with one sentence of advice, and the caller shows
text. Large graphs are laid out in a process of their own that a time limit can stop.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from tempfile import TemporaryFile
from typing import Any

ADVICE = (
    "No Graphviz was found: run `pip install pygraphviz` (its wheels bring Graphviz along), "
    "or install Graphviz so that `dot` is on the PATH."
)
MOST_LOAD_IN_PROCESS = 320
"""Graphs whose edges cross more ranks take a process that can be stopped: time grows cubically."""

_LONGEST_WAIT = 86_400.0  # a day; the operating system cannot wait for ever

_lock = threading.Lock()


class RendererMissingError(RuntimeError):
    """There is no Graphviz to draw with. The message says what to install."""


class RenderingError(RuntimeError):
    """Graphviz failed, or took longer than the time limit."""


@lru_cache(maxsize=16)
def render(dot: str, kind: str, seconds: float = 30.0, load: int | None = None) -> bytes:
    """A picture of a DOT graph; a large one may take so many seconds.

    It is large by how many ranks its edges cross in all; by default, as if each crossed one.
    """
    load = dot.count("->") if load is None else load
    is_bundled = _bundled() is not None
    if is_bundled and load <= MOST_LOAD_IN_PROCESS:
        picture = render_here(dot, kind)
    elif is_bundled:
        # This file by itself: importing the package would take longer than most layouts.
        picture = _run([sys.executable, __file__, kind], dot, seconds)
    elif (program := shutil.which("dot")) is not None:
        picture = _run([program, f"-T{kind}"], dot, seconds)
    else:
        raise RendererMissingError(ADVICE)
    if not picture or (kind == "png" and 1 in struct.unpack(">II", picture[16:24])):  # a line
        raise RenderingError(f"Graphviz drew nothing: the graph may be too large for {kind}.")
    return picture


def render_here(dot: str, kind: str) -> bytes:
    """A picture by the Graphviz of pygraphviz, in this process."""
    graphviz = _bundled()
    with _lock, _quiet_standard_error():  # Graphviz is not made for threads
        try:
            with TemporaryFile() as file:
                file.write(dot.encode())
                file.seek(0)
                graph = graphviz.agread(file, None)
        except (ValueError, OSError) as error:
            raise RenderingError(f"Graphviz could not draw the graph: {error}") from error
        context = graphviz.gvContextWithBuiltins()
        failed = graphviz.gvLayout(context, graph, b"dot")
        drawn = failed or graphviz.gvRenderData(context, graph, kind.encode())
        graphviz.gvFreeLayout(context, graph)
        graphviz.gvFreeContext(context)
        graphviz.agclose(graph)
    if isinstance(drawn, int):  # the number of an error, in place of 0 and the picture
        raise RenderingError(f"Graphviz could not draw the graph as {kind}.")
    return bytes(drawn[1])


def _bundled() -> Any:
    """The Graphviz that pygraphviz brings along, or None.

    It is the part in C alone: the Python around it takes a fifth of the time of the first picture.
    """
    name, package = "pygraphviz._graphviz", find_spec("pygraphviz")
    if package is None:
        return None
    try:
        if sys.platform == "win32":
            import_module("pygraphviz")  # which says where its libraries are
        if name not in sys.modules:
            spec = PathFinder.find_spec(name, package.submodule_search_locations)
            if spec is None or spec.loader is None:
                return None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module
    except ImportError:
        return None
    found = sys.modules[name]
    return found if hasattr(found, "gvContextWithBuiltins") else None  # an old one has no plugins


def _run(command: list[str], dot: str, seconds: float) -> bytes:
    wait = min(seconds, _LONGEST_WAIT)
    try:
        finished = subprocess.run(
            command, input=dot.encode(), capture_output=True, timeout=wait, check=False
        )
    except subprocess.TimeoutExpired:
        raise RenderingError(
            f"Laying out the graph took longer than {seconds:g} s and was stopped. "
            "Draw fewer nodes (max_nodes=...), or save the graph as .dot or .txt."
        ) from None
    if finished.returncode != 0:
        reason = finished.stderr.decode(errors="replace").strip().splitlines()
        raise RenderingError(f"Graphviz could not draw the graph: {' '.join(reason[-1:])}")
    return finished.stdout


@contextmanager
def _quiet_standard_error() -> Iterator[None]:
    """Keep the font library's warnings, written to the file descriptor, out of notebook cells."""
    try:
        saved = os.dup(2)
    except OSError:  # there is no standard error to keep quiet
        yield
        return
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(silence)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, whose modules are no names of others
    sys.stdout.buffer.write(render_here(sys.stdin.buffer.read().decode(), sys.argv[1]))
