"""Neurons, layers and networks, built on the engine."""
