"""What auto-encoding samplers keep of their training rows, by class, and the noise that decoders learn.

What is kept lies in buffers whose sizes do not depend on the data, so that an archive says all there is to know of its
size, and weights can be handed on to a sampler of other classes. Which row a sample starts from is read from noise: a
standard normal number is turned into a uniform one, and that into one of the rows of the class asked for.

References
----------
Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002, and Dablain, Krawczyk and Chawla,
"DeepSMOTE", 2021 (arXiv:2105.02340): between a code and one of its nearest neighbours.
Ghosh et al., "From Variational to Deterministic Autoencoders", ICLR 2020 (arXiv:1903.12436), section 4: a density
fitted to the codes once the network is trained.
Hastie and Tibshirani, "Discriminant Analysis by Gaussian Mixtures", JRSS B 58, 1996: one mixture a class, and one
covariance for all of their components.
"""

import math
import warnings
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any, Literal

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.rng import derive_seed
from gen_augment.training import Callback, Loop
from gen_augment.training.placement import evaluating

__all__ = [
    "N_PICKS",
    "CodeBook",
    "KeepCodes",
    "KeptRows",
    "Latent",
    "choose_rows",
    "split_noise",
    "uniform_from",
]

Latent = Literal["prior", "posterior", "interpolate", "mixture"]
#: Numbers of noise, beside the code's own, that say which rows a sample starts from.
N_PICKS: dict[str, int] = {"prior": 0, "posterior": 1, "interpolate": 3, "mixture": 1}

N_NEIGHBORS = 5  # as in SMOTE
MAX_COMPONENTS = 10
ROWS_PER_COMPONENT = 10
ENCODE_BATCH = 256
_UNUSED = 2**62  # sorts behind every class number


class KeptRows(nn.Module):
    """Classes of at most so many kept rows, in ascending order.

    Parameters
    ----------
    size : int
    """

    label: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("label", torch.full((size,), _UNUSED))

    def clear(self) -> None:
        """Forget all rows."""
        self.label.fill_(_UNUSED)

    def count(self, y: Tensor) -> Tensor:
        """Kept rows of each of these classes."""
        return torch.searchsorted(self.label, y, right=True) - torch.searchsorted(self.label, y)

    def pick(self, y: Tensor, u: Tensor) -> Tensor:
        """Number of a row of each of these classes, every one alike if `u` is uniform in [0, 1]."""
        first = torch.searchsorted(self.label, y)
        return (first + _below(u, self.count(y))).clamp(max=len(self.label) - 1)


class CodeBook(KeptRows):
    """Codes of training rows, and what samples are drawn from around them.

    Parameters
    ----------
    size, latent_dim : int
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
        # Of the component that the code belongs to: picking a code picks a component as often as it has codes.
        self.register_buffer("center", torch.zeros(size, latent_dim))
        self.register_buffer(
            "scale", torch.zeros(latent_dim, latent_dim)
        )  # Cholesky factor of the one covariance

    def fill(self, mean: Tensor, std: Tensor, labels: Tensor, seed: int) -> None:
        """Keep codes ``(n, latent_dim)`` of rows whose classes `labels` ascend, and fit the mixtures."""
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
        # By the law of total variance: of the codes about their centres, and of the rows about their codes.
        around = mean - center
        covariance = around.T @ around / n + std.square().mean(dim=0).diag()
        self.scale.copy_(
            torch.linalg.cholesky(
                covariance + 1e-6 * torch.eye(len(covariance), device=mean.device)
            )
        )
        self.mean[:n], self.std[:n], self.center[:n], self.label[:n] = mean, std, center, labels

    def draw(self, latent: Latent, z: Tensor, picks: Tensor, y: Tensor, spread: float) -> Tensor:
        """Codes ``(B, latent_dim)``; of classes without kept codes they come from the prior.

        Parameters
        ----------
        latent : {"prior", "posterior", "interpolate", "mixture"}
        z : Tensor of shape (B, latent_dim)
        picks : Tensor of shape (B, N_PICKS[latent])
            Standard normal, as `z`.
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
            partner = self.neighbor[row, _below(u[:, 1], others)].long()
            code = torch.lerp(self.mean[row], self.mean[partner], u[:, 2:].to(z.dtype))
        return torch.where(count[:, None] > 0, code, z)


class KeepCodes(Callback):
    """Fill a code book when training ends, however it ended; until then samples come from the prior.

    Parameters
    ----------
    book : CodeBook
    encode : callable
        Rows ``(B, ...)`` and classes ``(B,)`` to means and logarithms of the variances of their codes.
    """

    def __init__(
        self, book: CodeBook, encode: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    ) -> None:
        self.book = book
        self.encode = encode

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        """Forget codes that a checkpoint or an earlier fit left: they belong to other weights."""
        self.book.clear()

    @torch.no_grad()
    def on_fit_end(self, sampler: Any, loop: Loop) -> None:
        """Encode at most as many labelled rows as the book holds."""
        x, y = loop.batches.x, loop.batches.y
        seed = derive_seed(sampler.seed_, "codes")
        rows = choose_rows(y, len(self.book.label), seed)
        with evaluating(loop.network):
            parts = [self.encode(x[part], y[part]) for part in torch.split(rows, ENCODE_BATCH)]
        mean, log_var = (torch.cat(tensors).float() for tensors in zip(*parts, strict=True))
        self.book.fill(mean, (0.5 * log_var).exp(), y[rows], seed)


def choose_rows(y: Tensor, limit: int, seed: int) -> Tensor:
    """Numbers of at most `limit` rows drawn at random, in order of class; rare classes keep all of theirs."""
    labels = y.cpu()
    order = torch.randperm(len(labels), generator=torch.Generator("cpu").manual_seed(seed))
    order = order[labels[order].argsort(stable=True)]  # by class, and shuffled within each
    counts = torch.bincount(labels[order])
    most = (
        bisect_right(range(len(order) + 1), limit, key=lambda cap: int(counts.clamp(max=cap).sum()))
        - 1
    )
    place = torch.cat([torch.arange(n) for n in counts.tolist()])
    return order[place < most].to(y.device)


def split_noise(z: Tensor, *widths: int) -> list[Tensor]:
    """Columns of noise ``(B, sum of widths)``, one Tensor for each use."""
    ends = list(accumulate(widths, initial=0))
    return [z[:, start:stop] for start, stop in pairwise(ends)]


def uniform_from(z: Tensor) -> Tensor:
    """Standard normal numbers to uniform ones; in double precision, so that every device picks the same row."""
    u: Tensor = torch.special.ndtr(z.double())
    return u


def _below(u: Tensor, n: Tensor) -> Tensor:
    """Whole numbers from 0 to n - 1, each alike if `u` is uniform in [0, 1]."""
    return torch.minimum((u * n).long(), (n - 1).clamp(min=0))


def _nearest(codes: Tensor) -> Tensor:
    """Numbers of the nearest others of each code: ``(n, N_NEIGHBORS)``, padded where there are fewer others."""
    k = min(N_NEIGHBORS, max(1, len(codes) - 1))
    distance = torch.cdist(codes, codes)
    if len(codes) > 1:
        distance.fill_diagonal_(math.inf)
    nearest = distance.topk(k, largest=False).indices
    return F.pad(nearest, (0, N_NEIGHBORS - k))


def _component_centers(codes: Tensor, seed: int) -> Tensor:
    """Mean of the component that each code belongs to: ``(n, latent_dim)``."""
    n_components = max(1, min(MAX_COMPONENTS, len(codes) // ROWS_PER_COMPONENT))
    if n_components == 1:
        return codes.mean(dim=0).expand_as(codes)
    mixture = GaussianMixture(n_components, covariance_type="tied", random_state=seed % 2**32)
    # Matrices this small are slower with many threads, on many cores by far.
    with (
        warnings.catch_warnings(),
        threadpool_limits(1),
    ):  # where codes coincide, fewer components are found
        warnings.simplefilter("ignore", ConvergenceWarning)
        member = F.one_hot(
            torch.from_numpy(mixture.fit_predict(codes.double().cpu().numpy())), n_components
        )
    member = member.to(codes)
    return member @ (member.T @ codes / member.sum(dim=0).clamp(min=1)[:, None])
