"""How fast glassgrad is beside its peers, in one table: `python -m benchmarks`.

    __main__.py  the command: what runs, how it is printed
    timing.py    medians of interleaved repetitions, and which peers are here
    alone.py     each program in a process of its own, as installed
    moons.py     one training step of an MLP, the workload people know
    chain.py     a chain of scalar operations
    trap.py      what `trap()` costs, outside it and inside
    pictures.py  drawing and stepping
    memory.py    bytes per node
    million.py   a graph a million nodes deep

Machines are shared and noisy, so a figure counts as a ratio to a peer in the same run.
Nothing here is a test, and no test asserts a time.
"""
