"""Optimisers: how parameters move along their gradients, and how fast.

optimiser.py  Optimiser, what all have in common; groups.py, state.py
sgd.py        SGD, plain and with momentum
adam.py       Adam, AdamW
rmsprop.py    RMSprop
adagrad.py    Adagrad
schedule.py   Schedule, which changes the learning rate; schedules.py, by which rule
clipping.py   gradients that are too long

Start with `sgd.py`.
"""
