"""One small language model for all tests."""

from typing import Any

import pytest

from gen_augment import LanguageSampler
from tests.samplers.language.grammar import draw


def small(**params: Any) -> LanguageSampler:
    """A sampler of the smallest size, not fitted."""
    size: dict[str, Any] = {
        "width": 64,
        "n_layers": 1,
        "vocab_size": 300,
        "dropout": 0.0,
        "guidance": 1.0,
        "max_length": 32,
    }
    steps = {"max_steps": 300, "batch_size": 32, "lr": 5e-3, "random_state": 0, "device": "cpu"}
    return LanguageSampler(**(size | steps | params))


@pytest.fixture(scope="session")
def fitted() -> LanguageSampler:
    """A sampler fitted on texts of the grammar. Tests must not change it."""
    return small().fit(*draw(2000))
