"""Losses: how far predictions are from their targets, as one Value to send back.

regression.py      mse, mae, huber
classification.py  hinge, binary_cross_entropy_with_logits, cross_entropy
penalties.py       l1 and l2, which may be added
pairs.py           prediction and target side by side, and the reduction

Start with `regression.py`.
"""
