"""Model files: a model as JSON, and the model again.

files.py     `load`, and what `Module.save` and `Module.load` do
building.py  how a module is built, as data
alike.py     whether a module is still as it was built

Start with `files.py`.
"""
