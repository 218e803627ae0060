"""What the path of a parameter or a part of a model says: which layer it belongs to."""

import re

_NEURON = re.compile(r"(?:^|\.)neurons\.\d+$")


def layer_of(name: str) -> str:
    """The layer that a parameter belongs to, by its name.

    >>> from glassgrad.engine.names import layer_of
    >>> layer_of("layers.0.neurons.3.w.1"), layer_of("hidden.neurons.0.b"), layer_of("w.0")
    ('layers.0', 'hidden', 'w')
    """
    parts = name.split(".")
    for i, part in enumerate(parts):
        if part.isdigit() and not all(rest.isdigit() for rest in parts[i + 1 :]):
            return without_neuron(".".join(parts[: i + 1])) or name
    return parts[0]


def without_neuron(path: str) -> str:
    """The path of the layer of a neuron, which is one of its units; other paths as they are.

    >>> from glassgrad.engine.names import without_neuron
    >>> without_neuron("layers.0.neurons.3"), without_neuron("layers.0")
    ('layers.0', 'layers.0')
    """
    return _NEURON.sub("", path)
