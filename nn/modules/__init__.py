"""What networks are made of.

layers.py      Neuron, Layer, MLP
module.py      Module, what they have in common
parts.py       how a module finds its parameters
scoped.py      what happens when a module is called
inputs.py      what a module is called with
activation.py  activations by name
tree.py        how a module shows itself
modes.py       being trained or in use
remembered.py  what a module remembers of how it was made
perceptron.py  Perceptron, with the classic rule
sequential.py  Sequential, parts in a row
hidden.py      parameters that a function uses, where no module can see them
dropout.py     Dropout
noise.py       where its random numbers come from
norms.py       LayerNorm, RMSNorm
projection.py  Projection, a matrix of weights
embedding.py   Embedding, a row of numbers for each token
matrix.py      the parameters of these two
recurrent.py   RecurrentCell, a layer that sees its own last outputs
attention.py   AttentionHead

Read them in this order; the first four are enough to write a module of your own.
"""
