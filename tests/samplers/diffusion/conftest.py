"""Pipelines in folders, and images of two classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment import DiffusersSampler
from tests.conftest import toy_images

pytest.importorskip("diffusers")
pytest.importorskip("peft")

LABELS = np.array(["cat", "dog"])


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from a name to the folder of a pipeline, which is written once."""
    from tests.samplers.diffusion.pipelines import build

    found: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in found:
            found[name] = build(name, tmp_path_factory.mktemp(name) / "pipeline")
        return found[name]

    return folder


@pytest.fixture(scope="session")
def data() -> tuple[np.ndarray, np.ndarray]:
    X, y = toy_images(12, 16, 3)
    return X, LABELS[y]


def sampler(path: Any, **params: Any) -> DiffusersSampler:
    """Return an unfitted sampler that is quick."""
    defaults: dict[str, Any] = {
        "max_steps": 2,
        "num_inference_steps": 4,
        "random_state": 3,
        "device": "cpu",
        "lora_rank": 2,
    }
    if path is not None and "flux" in str(path):
        defaults["image_size"] = 16
    if path is not None and ("flux" in str(path) or "sd3" in str(path)):
        defaults["options"] = {"max_sequence_length": 48}
    return DiffusersSampler(path, **(defaults | params))
