"""Learned optimizers of unroll, for PyTorch and JAX.

``load`` reads a file that ``metatrain`` wrote. ``unroll.torch.LearnedOptimizer`` and ``unroll.optax.learned`` take either such a
rule or the file's name:

    from unroll.torch import LearnedOptimizer
    optimizer = LearnedOptimizer(model.parameters(), "lstm-mnist8.safetensors")
"""

from .files import FileError
from .rules import LSTM, General, Moment, Rule, load

__all__ = ["FileError", "General", "LSTM", "Moment", "Rule", "load"]
__version__ = "0.1.0"
