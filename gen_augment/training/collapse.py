"""Detection of mode collapse, from rows that are generated from the same noise at regular steps.

Rows are compared in a small fixed space: images averaged to 8 x 8 px, flat rows as they are.
Precision is the share of generated rows that are no farther from a real row than its k-th
neighbour is, and recall is the same with the roles exchanged. Their harmonic mean is the score of
a class: near 1 for good samples, 0 for noise (no precision) and for a constant (no recall), and
about 1/2 for one of three equally frequent modes.

References
----------
Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019
(arXiv:1904.06991).
Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020
(arXiv:2002.09797). Their coverage is not used: in many dimensions, a constant at the mean of the
real rows lies in the neighbourhood of most of them.
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.errors import ModeCollapseWarning
from gen_augment.neighbours import members
from gen_augment.rng import derive_seed, normal
from gen_augment.training.placement import evaluating
from gen_augment.user_warnings import warn

__all__ = ["PROBE_EVERY", "CollapseProbe", "precision_recall"]

#: Steps between two readings; a multiple of the loop's `CHECK_EVERY`.
PROBE_EVERY = 200
#: Number of watched classes (the largest), of rows in all and of each class, and of neighbours.
MAX_CLASSES, MAX_ROWS, MIN_PER_CLASS, MAX_PER_CLASS, NEIGHBOURS = 64, 1024, 20, 64, 3
#: A fall of the score by this much is a collapse. In the second half of training, so is a spread
#: of generated rows below this share of that of real rows, whatever the score.
LARGE_FALL, LOW_SPREAD = 0.4, 0.2
#: Earlier weights are restored only if their mean score was higher by more than this.
WORTH_RETURNING = 0.05


class CollapseProbe(nn.Module):
    """Scores a generator and keeps its best weights, in buffers, so that checkpoints hold them.

    Parameters
    ----------
    generator : nn.Module
        A generator of the kind that is scored; its weights are copied.

    Attributes
    ----------
    score : Tensor of shape ()
        The last reading: the mean score of the classes, in [0, 1]; 0 before the first.
    """

    score: Tensor
    best_scores: Tensor

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.best = copy.deepcopy(generator)
        for module in self.best.modules():  # not trained, so not parameters
            for name, parameter in list(module.named_parameters(recurse=False)):
                delattr(module, name)
                module.register_buffer(name, parameter.detach())
        self.register_buffer("score", torch.zeros(()))
        self.register_buffer("best_scores", torch.zeros(MAX_CLASSES))

    def start(self, x: Tensor, y: Tensor, latent_shape: tuple[int, ...], seed: int) -> None:
        """Choose the real rows to compare with, and the noise of as many generated rows.

        Parameters
        ----------
        x : Tensor of shape (n_rows, ...)
            Real rows.
        y : Tensor of shape (n_rows,), int64
            Their class numbers. If no class has 20 rows, all rows are one class.
        latent_shape : tuple of int
        seed : int
        """
        self.score.zero_()
        self.best_scores.zero_()
        self._warned = False
        labels = y.cpu()
        counts = torch.bincount(labels)
        watched = counts.argsort(descending=True, stable=True)[:MAX_CLASSES]
        watched = watched[counts[watched] >= MIN_PER_CLASS]
        self.classes: list[int | None] = [*watched.tolist()] or [None]
        size = MAX_PER_CLASS if len(watched) else MAX_ROWS // 4
        size = min(size, max(MIN_PER_CLASS, MAX_ROWS // len(self.classes)))
        members = [
            torch.arange(len(labels)) if c is None else torch.nonzero(labels == c).squeeze(1)
            for c in self.classes
        ]
        # Evenly spaced, so that the choice needs no random numbers.
        groups = [m[torch.linspace(0, len(m) - 1, min(size, len(m))).long()] for m in members]
        self._sizes = [len(group) for group in groups]
        where = torch.cat(groups).to(y.device)
        self._real, self._y = torch.split(_features(x[where]), self._sizes), y[where]
        self._z = normal(np.arange(len(where)), latent_shape, derive_seed(seed, "probe")).to(
            y.device
        )

    @torch.no_grad()
    def read(self, generator: nn.Module, *, step: int, max_steps: int, labels: Any) -> bool:
        """Score a generator; keep its weights if they are the best so far, and warn of a collapse.

        Parameters
        ----------
        generator : nn.Module
            Takes noise ``(B, *latent_shape)`` and class numbers ``(B,)``.
        step, max_steps : int
            Number of steps done, and of all steps.
        labels : sequence
            Names of the classes, by number.

        Returns
        -------
        bool
            Whether to restore the best weights: a class has collapsed, and their score is clearly
            higher.
        """
        with evaluating(generator):
            parts = zip(torch.split(self._z, 256), torch.split(self._y, 256), strict=True)
            rows = torch.cat([_features(generator(z, y)) for z, y in parts])
        pairs = list(zip(self._real, torch.split(rows, self._sizes), strict=True))
        quality = [precision_recall(real, fake) for real, fake in pairs]
        scores = torch.stack([2 * p * r / (p + r).clamp(min=1e-6) for p, r in quality])
        spreads = torch.stack(
            [_spread(fake) / _spread(real).clamp(min=1e-6) for real, fake in pairs]
        )
        best = self.best_scores[: len(scores)]
        self.score.copy_(scores.mean())
        low = LOW_SPREAD if 2 * step >= max_steps else 0.0
        collapsed = (scores < best - LARGE_FALL) | (spreads < low)
        readings = torch.stack([collapsed.float(), spreads, scores, best])
        found = readings.T.tolist()  # the only wait for the device
        if sum(row[2] for row in found) >= sum(row[3] for row in found):
            best.copy_(scores)
            self.best.load_state_dict(generator.state_dict())
        for number, (is_collapsed, spread, score, before) in zip(self.classes, found, strict=True):
            if is_collapsed and not self._warned:
                self._warned = True
                name = "all classes" if number is None else f"class {labels[number]!r}"
                warn(
                    f"The generator is collapsing: at step {step} of {max_steps} generated rows of "
                    f"{name} are {spread:.2f} times as far apart as real ones, and score "
                    f"{score:.2f} ({before:.2f} at best). If it does not recover, training ends "
                    "with its best weights. Lower lr and discriminator_lr, raise augment, or add "
                    "rows.",
                    ModeCollapseWarning,
                )
        fall = sum(row[3] - row[2] for row in found) / len(found)
        return any(row[0] for row in found) and fall > WORTH_RETURNING


def precision_recall(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> tuple[Tensor, Tensor]:
    """Return precision and recall, in [0, 1], of `fake` rows (m, d) against `real` ones (n, d).

    Examples
    --------
    >>> real = torch.arange(10.0)[:, None]
    >>> [float(share) for share in precision_recall(real, real + 0.1)]
    [1.0, 1.0]
    """
    realistic, covered = members(real, fake, k)
    return realistic.float().mean(), covered.float().mean()


def _spread(x: Tensor) -> Tensor:
    """Return the mean distance between two rows; equal rows have distance 0."""
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").mean()


def _features(x: Tensor) -> Tensor:
    """Return rows as short vectors."""
    if x.ndim == 4:
        x = F.adaptive_avg_pool2d(x, (min(8, x.shape[2]), min(8, x.shape[3])))
    return x.float().flatten(1)
