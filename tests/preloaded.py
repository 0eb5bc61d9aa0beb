"""What the server that forks processes for tests imports, since imports take seconds.

`tests.conftest` is left out: it changes settings, and examples run as users run them.
"""

import os

os.environ |= {"HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"}

import hypothesis
import lightning_fabric
import pytest

import gen_augment.samplers
import gen_augment.study

__all__ = ["gen_augment", "hypothesis", "lightning_fabric", "pytest"]
