"""Training: from a model and data to a model that has learned them, and how it went.

    fit.py         `fit`: what users call
    options.py     its numbers, checked
    loop.py        the training, epoch by epoch
    objective.py   the loss over a batch and its gradient, compiled or eagerly
    predict.py     the outputs of a model for many samples
    checkpoint.py  a training that was killed goes on
    history.py     what it noted; curves.py, as a picture
    progress.py    the bar

Start with `fit.py`, then `loop.py`.
"""
