"""The neuron of the lecture, an example that several test files share."""

from glassgrad import Value


def lecture_neuron() -> Value:
    values = {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.8813735870195432}
    x1, x2, w1, w2, b = (Value(number, label=name) for name, number in values.items())
    y = (x1 * w1 + x2 * w2 + b).tanh()
    y.label = "o"
    return y
