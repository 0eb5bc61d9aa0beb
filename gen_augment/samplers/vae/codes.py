"""Codes of training rows, and the distributions around them that samples are drawn from.

References
----------
Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002, and Dablain,
Krawczyk and Chawla, "DeepSMOTE", 2021 (arXiv:2105.02340): between a code and one of its nearest
neighbours.
Ghosh et al., "From Variational to Deterministic Autoencoders", ICLR 2020 (arXiv:1903.12436),
section 4: a density fitted to the codes after training.
Hastie and Tibshirani, "Discriminant Analysis by Gaussian Mixtures", JRSS B 58, 1996: one mixture
for each class, and one covariance for all components.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional as F

from gen_augment.rng import derive_seed
from gen_augment.samplers.kept_rows import KeptRows, choose_rows, index_below, uniform_from
from gen_augment.training import Callback, Loop
from gen_augment.training.placement import evaluating

__all__ = ["N_PICKS", "CodeBook", "KeepCodes", "Latent"]

Latent = Literal["prior", "posterior", "interpolate", "mixture"]
#: How many noise values, besides those of the code, select the rows that a sample starts from.
N_PICKS: dict[str, int] = {"prior": 0, "posterior": 1, "interpolate": 3, "mixture": 1}

N_NEIGHBORS = 5  # as in SMOTE
MAX_COMPONENTS = 10
ROWS_PER_COMPONENT = 10
ENCODE_BATCH = 256


class CodeBook(KeptRows):
    """Codes of training rows.

    Parameters
    ----------
    size, latent_dim : int

    Attributes
    ----------
    mean, std : Tensor of shape (size, latent_dim)
        Posterior of each row.
    neighbor : Tensor of shape (size, 5)
        Positions of the nearest codes of the same class.
    center : Tensor of shape (size, latent_dim)
        Mean of the mixture component of each code. A uniformly chosen code thus selects a component
        in proportion to its size.
    scale : Tensor of shape (latent_dim, latent_dim)
        Cholesky factor of the covariance that all components share.
    """

    mean: Tensor
    std: Tensor
    neighbor: Tensor
    center: Tensor
    scale: Tensor

    def __init__(self, size: int, latent_dim: int) -> None:
        super().__init__(size)
        self.register_buffer("mean", torch.zeros(size, latent_dim))
        self.register_buffer("std", torch.zeros(size, latent_dim))
        self.register_buffer("neighbor", torch.zeros(size, N_NEIGHBORS, dtype=torch.int32))
        self.register_buffer("center", torch.zeros(size, latent_dim))
        self.register_buffer("scale", torch.zeros(latent_dim, latent_dim))

    def fill(self, mean: Tensor, std: Tensor, labels: Tensor, seed: int) -> None:
        """Store codes and fit the mixtures; codes that are not finite leave the book empty.

        Parameters
        ----------
        mean, std : Tensor of shape (n, latent_dim)
        labels : Tensor of shape (n,)
            Class codes, in ascending order.
        seed : int
        """
        n = len(labels)
        self.clear()
        if not n or not (mean.isfinite().all() and std.isfinite().all()):
            return
        center = torch.empty_like(mean)
        for label in sorted(set(labels.tolist())):
            here = labels == label
            center[here] = _component_centers(mean[here], seed)
            first = int(here.nonzero()[0])
            self.neighbor[:n][here] = (first + _nearest(mean[here])).int()
        self.scale.copy_(_shared_scale(mean - center, std))
        self.mean[:n], self.std[:n], self.center[:n], self.label[:n] = mean, std, center, labels

    def draw(self, latent: Latent, z: Tensor, picks: Tensor, y: Tensor, spread: float) -> Tensor:
        """Draw codes of shape (B, latent_dim); classes without kept codes use the prior.

        Parameters
        ----------
        latent : {"prior", "posterior", "interpolate", "mixture"}
        z : Tensor of shape (B, latent_dim)
            Standard normal noise.
        picks : Tensor of shape (B, N_PICKS[latent])
            Standard normal noise.
        y : Tensor of shape (B,)
        spread : float
            Factor of the posterior's standard deviation.
        """
        if latent == "prior":
            return z
        u, count = uniform_from(picks), self.count(y)
        row = self.pick(y, u[:, 0])
        if latent == "posterior":
            code = torch.addcmul(self.mean[row], self.std[row], z, value=spread)
        elif latent == "mixture":
            code = self.center[row] + z @ self.scale.T
        else:
            others = (count - 1).clamp(1, N_NEIGHBORS)
            partner = self.neighbor[row, index_below(u[:, 1], others)].long()
            code = torch.lerp(self.mean[row], self.mean[partner], u[:, 2:].to(z.dtype))
        return torch.where(count[:, None] > 0, code, z)


class KeepCodes(Callback):
    """Fill a code book at the end of training; until then samples come from the prior.

    Parameters
    ----------
    book : CodeBook
    encode : callable
        Rows (B, ...) and class codes (B,) to means and log-variances of their codes.
    """

    def __init__(
        self, book: CodeBook, encode: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    ) -> None:
        self.book = book
        self.encode = encode

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        """Remove the codes of a checkpoint or of an earlier fit, which belong to other weights."""
        self.book.clear()

    @torch.no_grad()
    def on_fit_end(self, sampler: Any, loop: Loop) -> None:
        """Encode as many training rows as the book can hold."""
        x, y = loop.batches.x, loop.batches.y
        seed = derive_seed(sampler.seed_, "codes")
        rows = choose_rows(y, len(self.book.label), seed)
        with evaluating(loop.network):
            parts = [self.encode(x[part], y[part]) for part in torch.split(rows, ENCODE_BATCH)]
        mean, log_var = (torch.cat(tensors).float() for tensors in zip(*parts, strict=True))
        self.book.fill(mean, (0.5 * log_var).exp(), y[rows], seed)


def _shared_scale(around: Tensor, std: Tensor) -> Tensor:
    """Return the Cholesky factor of the covariance of codes about their centres.

    By the law of total variance it is the covariance of the means plus the mean variance. Fewer
    codes than dimensions make it singular, so that single precision could make it indefinite.
    """
    means, variance = around.cpu().double(), std.cpu().double().square().mean(dim=0)
    covariance = means.T @ means / len(means) + variance.diag()
    ridge = 1e-6 * covariance.diag().max().clamp(min=1)
    scale: Tensor = torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)))
    return scale


def _nearest(codes: Tensor) -> Tensor:
    """Return positions of the nearest other codes: (n, N_NEIGHBORS), padded for small classes."""
    k = min(N_NEIGHBORS, max(1, len(codes) - 1))
    distance = torch.cdist(codes, codes)
    if len(codes) > 1:
        distance.fill_diagonal_(math.inf)
    nearest = distance.topk(k, largest=False).indices
    return F.pad(nearest, (0, N_NEIGHBORS - k))


def _component_centers(codes: Tensor, seed: int) -> Tensor:
    """Return the mean of the mixture component of each code: (n, latent_dim)."""
    n_components = max(1, min(MAX_COMPONENTS, len(codes) // ROWS_PER_COMPONENT))
    if n_components == 1:
        return codes.mean(dim=0).expand_as(codes)
    mixture = GaussianMixture(n_components, covariance_type="tied", random_state=seed % 2**32)
    # One thread: matrices of this size are slower with many.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal codes give fewer components
        found = torch.from_numpy(mixture.fit_predict(codes.double().cpu().numpy()))
    member: Tensor = F.one_hot(found, n_components).to(codes)
    means: Tensor = member.T @ codes / member.sum(dim=0).clamp(min=1)[:, None]
    return member @ means
