"""Gradient health: is a model fit to learn? What is measured at its layers, and what it means.

check.py     `check_health`: what users call
report.py    `Health`: what it found, as text too
probe.py     the run through the model, layer by layer
found.py     what the run shows of one layer
layer.py     what was measured at a layer
sizes.py     many numbers in one
verdicts.py  what the numbers mean, in words, with the remedy
plot.py      the report as a picture
"""

from glassgrad.nn.health.check import check_health as check_health
from glassgrad.nn.health.layer import LayerHealth as LayerHealth
from glassgrad.nn.health.report import Health as Health
