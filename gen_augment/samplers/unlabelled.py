"""Labels for rows that have none (pseudo-labels), so that every sampler can learn from them.

A small classifier is trained on the labelled rows with MixUp and, for modalities that have an
augmentation, with shifts. Each unlabelled row gets its most likely class. Measurements:
``docs/notes/unlabelled_rows.md``.

References
----------
Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
Networks", 2013.
Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018 (arXiv:1710.09412).
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gen_augment.data import Rows
from gen_augment.modalities import DataSpec
from gen_augment.rng import derive_seed, fork_rng
from gen_augment.training import Batches
from gen_augment.training.classifier import train_classifier
from gen_augment.training.placement import memory_format, place, tensor_defaults

__all__ = ["completed_codes", "infer_labels"]

BATCH_SIZE, MIXUP = 64, 0.4
#: Largest shift of a row, as a share of its side.
SHIFT = 1 / 14


def completed_codes(sampler: Any, rows: Rows, seed: int, device: torch.device) -> Tensor:
    """Return class numbers of all rows; if some had none, set `transduction_` of `sampler`."""
    y = torch.from_numpy(rows.codes)
    if (y < 0).any():
        y = infer_labels(rows.encoded, y, rows.spec, seed=seed, device=device)
        sampler.transduction_ = rows.classes[y.numpy()]
    return y


def infer_labels(
    x: Tensor, y: Tensor, spec: DataSpec, *, seed: int, device: torch.device
) -> Tensor:
    """Return `y` with the most likely class in place of each -1.

    Parameters
    ----------
    x : Tensor of shape (n, ...)
        Encoded rows.
    y : Tensor of shape (n,), int64
        Class numbers.
    spec : DataSpec
    seed : int
    device : torch.device
    """
    known, unknown = (y >= 0).nonzero()[:, 0], (y < 0).nonzero()[:, 0]
    layout = memory_format(x.ndim)
    labelled = x[known].to(device, memory_format=layout), y[known].to(device)
    batches = Batches(*labelled, batch_size=BATCH_SIZE, seed=derive_seed(seed, "order"))
    augment = spec.networks.augmentation(spec)
    shifted = None if augment is None else partial(augment, shift=SHIFT)
    with fork_rng(derive_seed(seed, "labels"), device), tensor_defaults():
        encoder = spec.networks.encoder(spec, 32)
        trunk = place(encoder, device)
        head = nn.Linear(encoder.out_features, spec.n_classes).to(device)
        n_steps = spec.networks.label_steps
        train_classifier(trunk, head, batches, n_steps, mixup=MIXUP, augment=shifted)
    trunk.eval()
    found = y.clone()
    with torch.no_grad():
        for part in torch.split(unknown, 512):
            found[part] = head(trunk(x[part].to(device, memory_format=layout))).argmax(dim=1).cpu()
    return found
