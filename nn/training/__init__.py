"""Training: from a model and data to a model that has learned them, and how it went.

    fit.py         `fit`: what users call
    options.py     its numbers, checked
    samples.py     the data, checked, split, shuffled and cut into batches
    loop.py        the training, epoch by epoch
    objective.py   the loss over a batch and its gradient, compiled or eagerly
    modes.py       being trained, or in use
    predict.py     the outputs of a model for many samples
    checkpoint.py  a training that was killed goes on
    history.py     what it noted
    progress.py    the bar

Start with `fit.py`, then `loop.py`.
"""
