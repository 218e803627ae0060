"""Bridges to other libraries, which are loaded only when they are used.

to_torch.py    a model as modules of PyTorch
from_torch.py  and back
torch_table.py what is called how there
estimators.py  networks as estimators of scikit-learn

Start with `to_torch.py`.
"""
