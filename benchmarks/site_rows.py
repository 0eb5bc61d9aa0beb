"""Rows of several sites, as inputs of one network: what ``sites`` and ``private`` share."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.arrays import load_data
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.rng import derive_seed

__all__ = [
    "N_SITES", "TABLES", "Inputs", "Sites", "load_sites", "probabilities", "train_network",
]  # fmt: skip

N_SITES, CONCENTRATION, MIN_ROWS = 5, 0.1, 5
#: Images of a class.
IMAGES = 200
TABLES: dict[str, Callable[..., Any]] = {
    "digits": load_digits,
    "wine": load_wine,
    "iris": load_iris,
}


class Sites(NamedTuple):
    """Training rows, the site of each, and test rows; inputs of networks are Tensors."""

    X: np.ndarray
    y: np.ndarray
    site: np.ndarray
    test_X: np.ndarray
    test_y: np.ndarray
    n_steps: int
    sampler_steps: int

    def of(self, site: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of a site."""
        return self.X[self.site == site], self.y[self.site == site]


@lru_cache(maxsize=1)
def load_sites(name: str, split: str, seed: int, quick: bool) -> Sites:
    """Split a data set over sites."""
    if name in TABLES:
        X, y = TABLES[name](return_X_y=True)
        parts = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
        X, test_X, y, test_y = parts
        n_steps = 20 if quick else 600
    else:
        loaded = load_data(name)
        few = loaded.head(IMAGES, derive_seed(seed, "sites"))
        assert loaded.test is not None
        X, y, (test_X, test_y) = few.X, few.y, loaded.test
        n_steps = 600
    rng = np.random.default_rng(seed)
    if split == "Dirichlet":
        site = split_dirichlet(y, rng)
    else:
        site = (rng.permutation(N_SITES * 2) // 2)[np.unique(y, return_inverse=True)[1]]
    kept = site >= 0
    return Sites(X[kept], y[kept], site[kept], test_X, test_y, n_steps, 800)


def split_dirichlet(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the site of each row, -1 for rows of classes that have too few rows there."""
    labels, codes, n_rows = np.unique(y, return_inverse=True, return_counts=True)
    accepted = np.empty((0, len(labels), N_SITES), int)
    while not len(accepted):  # for a small table, one of 100,000 draws
        shares = rng.dirichlet(np.full(N_SITES, CONCENTRATION), (1000, len(labels)))
        ends = (shares.cumsum(axis=2) * n_rows[:, None]).astype(int)
        ends[..., -1] = n_rows
        large: np.ndarray = np.diff(ends, axis=2, prepend=0) >= MIN_ROWS
        n_classes = large.sum(axis=1).min(axis=1)
        accepted = ends[(n_classes >= min(2, len(labels) - 1)) & np.all(large.any(axis=2), axis=1)]
    site = np.full(len(y), -1)
    for code, ends_of_class in enumerate(accepted[0]):
        mine = rng.permutation(np.flatnonzero(codes == code))
        for number, part in enumerate(np.split(mine, ends_of_class[:-1])):
            if len(part) >= MIN_ROWS:
                site[part] = number
    return site


class Inputs:
    """Rows as inputs of networks: pixels in [-1, 1], or columns scaled by moments of all sites."""

    def __init__(self, sites: Sites) -> None:
        self.is_image = sites.X.ndim > 2
        self.mean: Any = 0.0
        self.scale: Any = 1.0
        if not self.is_image:
            self.mean, scale = sites.X.mean(axis=0), sites.X.std(axis=0)
            self.scale = np.where(scale > 0, scale, 1)
        self.classes = np.unique(sites.y)

    def __call__(self, X: np.ndarray) -> Tensor:
        """Return rows as a Tensor."""
        if self.is_image:
            return torch.from_numpy(X.astype(np.float32) / 127.5 - 1).reshape(
                len(X), 1, *X.shape[1:3]
            )
        return torch.from_numpy(((X - self.mean) / self.scale).astype(np.float32))

    def network(self, seed: int) -> nn.Module:
        """Return an untrained classifier; equal seeds give equal weights."""
        torch.manual_seed(derive_seed(seed, "network") % 2**31)
        n = len(self.classes)
        if self.is_image:
            return SmallCNN((1, 28, 28), n)
        return nn.Sequential(nn.Linear(len(self.mean), 128), nn.ReLU(), nn.Linear(128, n))


def train_network(
    network: nn.Module, x: Tensor, codes: Tensor, n_steps: int, seed: int
) -> nn.Module:
    """Train a classifier in place, by Adam; return it."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    generator = torch.Generator().manual_seed(derive_seed(seed, "order") % 2**31)
    network.train()
    for _ in range(n_steps):
        here = torch.randint(len(x), (64,), generator=generator)
        loss = F.cross_entropy(network(x[here]), codes[here])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()


@torch.no_grad()
def probabilities(network: nn.Module, x: Tensor) -> np.ndarray:
    """Return class probabilities of inputs."""
    return torch.cat([network(part).softmax(dim=1) for part in torch.split(x, 512)]).numpy()
