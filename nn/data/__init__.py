"""Data to learn from, made from a seed: `X, y = two_moons()` is all that an example needs.

classes.py     two_moons, circles, spirals, xor, blobs
regression.py  linear_regression, sine
digits.py      digits, which scikit-learn brings
splitting.py   split: some samples to train on, others to judge by
arrays.py      arrays that users give, read
samples.py     samples that `fit` is given: checked, shuffled and cut into batches
random.py      the noise

Every function gives X, the samples, of shape (n, features), and y, one target a sample.
"""
