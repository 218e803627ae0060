"""Training: from a model and data to a model that has learned them, and how it went.

    fit.py         `fit`: what users call
    options.py     its numbers, checked
    batches.py     which samples it uses, and when
    loop.py        the training, epoch by epoch
    steps.py       what the steps of an epoch did
    objective.py   the loss over a batch and its gradient, compiled or eagerly
    left_out.py    what the loss depends on and no training moves
    predict.py     the outputs of a model for many samples
    checkpoint.py  a training that was killed goes on
    agreement.py   whether model, loss, targets and metrics go together
    description.py what makes it another than others, for checkpoints
    history.py     what it noted; curves.py, as a picture
    progress.py    the bar; warning.py, what is said at the user's line

Start with `fit.py`, then `loop.py`.
"""
