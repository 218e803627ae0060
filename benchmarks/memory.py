"""Bytes per node, counted by `tracemalloc` on the chain: once it is built, once differentiated."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks.chain import build
from benchmarks.classes import class_of, here
from benchmarks.timing import Workload

NODES = 800


def memory(quick: bool, slow: bool) -> list[Workload]:
    """Each class of scalars. (Some recurse, so the chain is short of Python's limit.)

    PyTorch keeps its graph where `tracemalloc` does not see it.
    """
    names, skipped = here()
    built = {name: bytes_per_node(class_of(name), NODES, False) for name in names}
    done = {name: bytes_per_node(class_of(name), NODES, True) for name in names}
    title = "memory: a node of the chain"
    return [
        Workload("memory", f"{title} as built", "bytes", built, skipped=skipped),
        Workload("memory after", f"{title} after backward()", "bytes", done),
    ]


def bytes_per_node(leaf: Callable[[float], Any], nodes: int, differentiate: bool) -> float:
    """What a chain of `nodes` operations holds, by node."""
    a, b = leaf(0.5), leaf(0.5)
    build(a, b, nodes).backward()  # whatever is made once and kept
    gc.collect()
    tracemalloc.start()
    root = build(a, b, nodes)
    if differentiate:
        root.backward()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / nodes
