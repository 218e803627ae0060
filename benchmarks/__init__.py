"""How fast glassgrad is beside its peers, in tables: `python -m benchmarks`.

    __main__.py      the command: what runs, and what is saved
    report.py        tables, JSON and a page of what was measured
    goals.py         what was aimed at, and whether it was reached
    timing.py        medians of interleaved repetitions, and which peers are here
    alone.py         each program in a process of its own, as installed
    threads.py       one thread for everyone
    steps.py         a loss and its gradients, by scalars and by matrices
    moons.py         one training step of an MLP, the workload people know
    moons_arrays.py  ... in matrices, and by hand
    moons_casadi.py  ... in CasADi's scalar graphs
    training.py      ... with the step of gradient descent
    digits.py        a whole training, from data to accuracy
    gpt.py           a character transformer in plain scalar code
    gpt_arrays.py    ... in matrices
    gpt_by_hand.py   ... with its gradient by hand
    rnn.py           a recurrent network in plain scalar code
    rnn_arrays.py    ... in matrices, and by hand
    sequences.py     the steps of both, and growing lengths
    irregular.py     random graphs, in which there is nothing to find
    recording.py     what recording and grouping cost, by scalar node
    growth.py        times by size, and their exponent
    sweep.py         growth with batch, width, depth and parameters
    plot.py          its picture
    chain.py         a chain of scalar operations
    trap.py          what `trap()` costs, outside it and inside
    pictures.py      drawing and stepping
    memory.py        bytes per node
    million.py       a graph a million nodes deep
    imports.py       `import glassgrad` beside `import numpy`

Machines are shared and noisy, so a figure counts as a ratio to a peer in the same run.
Nothing here is a test, and no test asserts a time.
"""

from benchmarks.threads import use_one_thread

use_one_thread()
