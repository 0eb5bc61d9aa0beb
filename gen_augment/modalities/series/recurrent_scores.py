"""The discriminative and the predictive score of TimeGAN.

Both train a small recurrent network after the generator: one separates training from synthetic
series, the other learns from synthetic series to predict the next step of training series.

Reference: Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks", NeurIPS
2019, section 5: values between 0 and 1, a fifth of the series for testing, |0.5 - accuracy|, and
the mean absolute error of the next step.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.rng import fork_rng

__all__ = ["discriminative_score", "predictive_score"]

#: Longer series are resampled to this many steps first.
MAX_STEPS = 50
#: Series of each set that are compared, at most.
MAX_SERIES = 1000
HIDDEN, N_UPDATES, BATCH, LR = 16, 150, 64, 1e-2

#: Padded series (n, C, L), and their lengths (n,).
Padded = tuple[np.ndarray, np.ndarray]


def discriminative_score(train: Padded, X: Padded, seed: int = 0) -> float:
    """Return how far the accuracy of a classifier of training and synthetic series is from 0.5.

    Parameters
    ----------
    train, X : (ndarray of shape (n, C, L), ndarray of shape (n,))
        Padded series and their lengths. Equally many of both are compared.
    seed : int
        Seeds the network and the choice of series.

    Returns
    -------
    float in [0, 0.5]
        Balanced over both sets; 0 if they cannot be separated. NaN for fewer than 5 series.
    """
    one, other = _scaled(train, X)
    n = min(len(one), len(other), MAX_SERIES)
    n_test = n // 5
    if n_test < 1:
        return float("nan")
    with fork_rng(seed, torch.device("cpu")):
        parts = [part[torch.randperm(len(part))[:n]] for part in (one, other)]
        x, test = (
            torch.cat([p[rows] for p in parts]) for rows in (slice(n_test, n), slice(n_test))
        )
        y, truth = (torch.arange(2.0).repeat_interleave(k) for k in (n - n_test, n_test))
        network = _Recurrent(x.shape[2], 1)

        def loss(rows: Tensor) -> Tensor:
            return F.binary_cross_entropy_with_logits(network(x[rows])[:, -1, 0], y[rows])

        _train(network, loss, len(x))
        with torch.no_grad():
            found = (network(test)[:, -1, 0] > 0).float()
    return abs(0.5 - float((found == truth).float().mean()))


def predictive_score(train: Padded, X: Padded, seed: int = 0) -> float:
    """Return the error on training series of a network that learned from `X` to predict a step.

    Parameters
    ----------
    train, X : (ndarray of shape (n, C, L), ndarray of shape (n,))
        Padded series and their lengths.
    seed : int
        Seeds the network and the choice of series.

    Returns
    -------
    float
        Mean absolute error, as a share of the range of the training series. NaN for series of
        one step.
    """
    real, synthetic = _scaled(train, X)
    if real.shape[1] < 2:
        return float("nan")
    with fork_rng(seed, torch.device("cpu")):
        real, x = (part[torch.randperm(len(part))[:MAX_SERIES]] for part in (real, synthetic))
        network = _Recurrent(x.shape[2], x.shape[2])

        def loss(rows: Tensor) -> Tensor:
            error: Tensor = (network(x[rows, :-1]) - x[rows, 1:]).abs().mean()
            return error

        _train(network, loss, len(x))
        with torch.no_grad():
            return float((network(real[:, :-1]) - real[:, 1:]).abs().mean())


class _Recurrent(nn.Module):
    """Series (B, L, C) to numbers (B, L, n_out) by a gated recurrent unit."""

    def __init__(self, channels: int, n_out: int) -> None:
        super().__init__()
        self.unit = nn.GRU(channels, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, n_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.unit(x)[0])
        return out


def _train(network: nn.Module, loss: Callable[[Tensor], Tensor], n: int) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    for _ in range(N_UPDATES):
        value = loss(torch.randint(n, (BATCH,)))
        optimizer.zero_grad()
        torch.autograd.backward(value)
        optimizer.step()


def _scaled(train: Padded, X: Padded) -> tuple[Tensor, Tensor]:
    """Return series of one length (n, L, C), with training values between 0 and 1."""
    n_steps = min(MAX_STEPS, int(np.median(train[1])))
    real, synthetic = (_resampled(*part, n_steps) for part in (train, X))
    low = real.min(axis=(0, 1))
    size = real.max(axis=(0, 1)) - low
    scale = np.where(size > 0, size, 1)
    one, other = (torch.from_numpy((part - low) / scale).float() for part in (real, synthetic))
    return one, other


def _resampled(values: np.ndarray, lengths: np.ndarray, n_steps: int) -> np.ndarray:
    """Interpolate padded series at `n_steps` places that are spread evenly: (n, n_steps, C)."""
    places = np.linspace(0, 1, n_steps) * (lengths[:, None] - 1)
    before = np.floor(places).astype(np.int64)
    after = np.minimum(before + 1, lengths[:, None] - 1)
    share = (places - before)[..., None]
    steps = values.astype(np.float64).transpose(0, 2, 1)  # (n, L, C)
    rows = np.arange(len(values))[:, None]
    found: np.ndarray = (1 - share) * steps[rows, before] + share * steps[rows, after]
    return found
