"""Small data of every form, and samplers fitted on it."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import settings
from PIL import Image

from gen_augment import ConditionalVAE, LanguageSampler, modalities
from gen_augment.bank import manifest
from gen_augment.samplers import SAMPLERS, ClassicalSampler, NetworkSampler
from gen_augment.samplers.text.base import TextSampler

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = (
    "1"  # also for processes that tests start, since busy threads slow each other down
)
os.environ.setdefault(
    "NO_ALBUMENTATIONS_UPDATE", "1"
)  # it would look for a newer version online, and warn without a network
# One server in each test process imports the package for all "forkserver" processes.
multiprocessing.set_forkserver_preload(["tests.preloaded"])
# The same examples in every run, and no failure because a machine is busy.
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("steady")
for modality in (modalities.Table, modalities.Image):
    type(modality.networks).label_steps = 60  # toy data needs few steps


#: Samplers of one modality: of texts, of rows with transforms, and of images with a pipeline.
SPECIAL = {
    name for name, cls in SAMPLERS.items() if issubclass(cls, (TextSampler, LanguageSampler))
} | {"transform", "diffusers"}
#: Names of samplers of any modality, with and without a network.
NETWORKS = [
    name
    for name, cls in SAMPLERS.items()
    if issubclass(cls, NetworkSampler) and name not in SPECIAL
]
CLASSICAL = [
    name
    for name, cls in SAMPLERS.items()
    if issubclass(cls, ClassicalSampler) and name not in SPECIAL
]


def small_sampler(name: str, **params: Any) -> Any:
    """Return an unfitted sampler of the smallest size."""
    small = {
        "max_steps": 3,
        "batch_size": 8,
        "width": 4,
        "latent_dim": 4,
        "random_state": 0,
        "device": "cpu",
    }
    known = SAMPLERS[name]._get_param_names()
    return SAMPLERS[name](
        **({word: value for word, value in small.items() if word in known} | params)
    )


def toy_images(
    n: int = 40, size: int = 12, channels: int = 1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """uint8 NHWC: class 0 has a bright upper half, class 1 a bright lower half."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.integers(0, 60, (n, size, size, channels))
    half = size // 2
    X[y == 0, :half] += 150
    X[y == 1, half:] += 150
    return X.astype(np.uint8), y


def toy_table(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three columns of floats. The first separates two classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, 3))
    X[:, 0] += 4 * y
    return X, y


def as_form(form: str) -> tuple[Any, Any]:
    """Return toy data in one of the forms that `fit` accepts."""
    images, y = toy_images()
    colour, _ = toy_images(channels=3)
    table, table_y = toy_table()
    forms: dict[str, Callable[[], tuple[Any, Any]]] = {
        "uint8-nhw": lambda: (images[..., 0], y),
        "uint8-nhwc": lambda: (colour, y),
        "uint8-nchw": lambda: (colour.transpose(0, 3, 1, 2), y),
        "float32-nchw": lambda: ((colour.transpose(0, 3, 1, 2) / 255).astype(np.float32), y),
        "normalised-tensor": lambda: (
            (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.3) / 0.2,
            torch.from_numpy(y),
        ),
        "uint8-tensor": lambda: (torch.from_numpy(colour).permute(0, 3, 1, 2), torch.from_numpy(y)),
        "pil-grey": lambda: ([Image.fromarray(row[..., 0]) for row in images], y.tolist()),
        "pil-colour": lambda: ([Image.fromarray(row) for row in colour], y.tolist()),
        "non-square": lambda: (images[:, :10, :, 0], np.array(["up", "down"])[y]),
        "table-array": lambda: (table, table_y),
        "table-float32": lambda: (table.astype(np.float32), table_y.astype(bool)),
        "table-tensor": lambda: (torch.from_numpy(table), torch.from_numpy(table_y)),
        "table-frame": lambda: (
            pd.DataFrame(
                {
                    "a": table[:, 0],
                    "n": np.rint(table[:, 1] * 9).astype(np.int16),
                    "b": table[:, 2] > 0,
                }
            ),
            pd.Series(np.array(["no", "yes"])[table_y], name="churn"),
        ),
    }
    return forms[form]()


FORMS = [
    "uint8-nhw", "uint8-nhwc", "uint8-nchw", "float32-nchw", "normalised-tensor", "uint8-tensor", "pil-grey",
    "pil-colour", "non-square", "table-array", "table-float32", "table-tensor", "table-frame",
]  # fmt: skip


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """Each form of data in turn."""
    return str(request.param)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Enable Ctrl-C, which shells disable in background jobs. Training respects the setting."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks of 16 rows, so that a small bank has many."""
    for name in ("MIN_BLOCK", "MAX_BLOCK"):
        monkeypatch.setattr(manifest, name, 16)
    return 16


@pytest.fixture(scope="session")
def image_sampler() -> ConditionalVAE:
    """A quickly fitted VAE of uint8 images of shape (12, 12, 1)."""
    return ConditionalVAE(
        max_steps=8, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    ).fit(*toy_images())


@pytest.fixture(scope="session")
def table_sampler() -> ConditionalVAE:
    """A quickly fitted VAE of a table of three columns."""
    return ConditionalVAE(
        max_steps=8, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    ).fit(*toy_table())
