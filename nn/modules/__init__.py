"""What networks are made of.

layers.py      Neuron, Layer, MLP
perceptron.py  Perceptron, with the classic rule
sequential.py  Sequential, parts in a row
dropout.py     Dropout; noise.py, where its random numbers come from
norms.py       LayerNorm, RMSNorm
embedding.py   Embedding, a row of numbers for each token
recurrent.py   RecurrentCell, a layer that sees its own last outputs
attention.py   AttentionHead
module.py      Module, what they have in common
parts.py       how a module finds its parameters; hidden.py, where it cannot see them
scoped.py      what happens when a module is called
tree.py        how it shows itself; modes.py, being trained or in use
activation.py  activations by name; inputs.py, what a module is called with

Start with `layers.py`, then `module.py`.
"""
