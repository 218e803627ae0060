"""Data to learn from, made from a seed: `X, y = two_moons()` is all that an example needs.

classes.py     two_moons, circles, spirals, xor, blobs
regression.py  linear_regression, sine
digits.py      digits, which scikit-learn brings
splitting.py   split: some samples to train on, others to judge by
samples.py     samples that are given to a training: checked, and cut into pieces
random.py      the generator of a seed, and noise

Every data set is X, the samples, of shape (n, features), and y, one target a sample. Start with
`classes.py`.
"""
