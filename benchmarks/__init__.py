"""How fast glassgrad is beside its peers, in tables: `python -m benchmarks`.

    __main__.py      the command: what runs, and what is saved
    goals.py         what was aimed at, and whether it was reached
    report.py        tables and a page of what was measured
    saved.py         docs/benchmarks.json, and everything that is written from it
    readme.py        ... the README's figures
    plot.py          ... the picture of the sweeps
    timing.py        medians of interleaved repetitions, and which peers are here
    alone.py         functions called in a process of their own
    environment.py   the same surroundings for everyone
    classes.py       the classes of scalars that are compared
    minimal.py       ... the smallest one
    lecture.py       the operators as people type them
    chain.py         a chain of scalar operations
    reductions.py    sums, softmax and the like, of more and more Values
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
    stages.py        where the time of a compiled step, and of its first call, goes
    recording.py     what recording and grouping cost, by scalar node
    growth.py        times by size, and their exponent
    sweep.py         growth with batch, width, depth and parameters
    trap.py          what `trap()` costs, outside it and inside
    pictures.py      drawing and stepping
    memory.py        bytes per node
    million.py       a graph a million nodes deep
    imports.py       `import glassgrad` beside `import numpy`

Machines are shared and noisy, so a figure counts as a ratio to a peer in the same run.
Nothing here is a test, and no test asserts a time.
"""

from benchmarks.environment import prepare

prepare()
