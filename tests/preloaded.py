"""What the server that forks processes for tests imports, since imports take seconds."""

import os

os.environ |= {"HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"}

import lightning_fabric

import gen_augment.samplers
import gen_augment.study
import tests.conftest

__all__ = ["gen_augment", "lightning_fabric", "tests"]
