"""Preparation of a private fit, and what cannot be private."""

from typing import Any

import numpy as np
import torch

from gen_augment.data import Rows
from gen_augment.data.stored import StoredRows
from gen_augment.errors import InputError
from gen_augment.privacy.accounting import sampled_epsilon, sampled_sigma
from gen_augment.privacy.release import release
from gen_augment.samplers.persistence import has_guarantee, is_private
from gen_augment.samplers.streaming import from_stream
from gen_augment.training.noisy import Noise

__all__ = ["check_not_private", "prepare", "refuse_private"]


def prepare(
    sampler: Any, X: Any, y: Any, init: Any
) -> tuple[Rows | StoredRows, np.ndarray, Noise | None]:
    """Read the rows of a fit; with a finite budget, release their encoding and compute the noise.

    Returns
    -------
    rows : Rows or StoredRows
        Encoded by what is public or paid for.
    counts : ndarray of shape (n_classes,)
        Released class counts.
    noise : Noise or None

    Raises
    ------
    InputError
        A parameter of the sampler, or the data, cannot be private.
    MissingDependencyError
        opacus is not installed.
    """
    if not is_private(sampler):
        rows, labels = from_stream(sampler, X, y)
        if isinstance(rows, StoredRows):
            sampler._check_counts(rows.labels, rows.class_counts)
        else:
            rows = sampler._read(rows, labels)
        return rows, rows.class_counts, None
    _check_params(sampler, init)
    private = sampler.privacy
    found = release(Rows.read(X, y, modality=sampler.modality), private)
    n_rows = int(found.counts.sum())
    rate = min(1.0, sampler.batch_size / n_rows)
    steps = sampler.max_steps
    sigma = sampled_sigma(found.epsilon, found.delta, rate, steps)
    # The noise was chosen for this budget; the accountant is exact to 0.1%, from above.
    epsilon = min(found.epsilon, sampled_epsilon(sigma, found.delta, rate, steps))
    prior = torch.from_numpy(found.counts / n_rows).float()
    record = {
        "epsilon": found.record["epsilon"] + epsilon,
        "delta": float(private.delta),
        "unit": "one row, added or removed",
        "encoding": found.record,
        "training": {
            "epsilon": epsilon,
            "delta": found.delta,
            "noise_multiplier": sigma,
            "max_grad_norm": float(private.max_grad_norm),
            "sampling_rate": rate,
            "steps": steps,
            "accountant": "closed form" if rate == 1 else "rdp",
        },
    }
    noise = Noise(sigma, private.max_grad_norm, rate, rate * n_rows, prior, record)
    return found.rows, found.counts, noise


def refuse_private(sampler: Any, **allowed: tuple[Any, ...]) -> None:
    """Raise `InputError` if a private sampler has a parameter with another value than these."""
    if not is_private(sampler):
        return
    for name, values in allowed.items():
        value = getattr(sampler, name)
        if value not in values:
            choices = " or ".join(map(repr, values))
            raise InputError(
                f"{name}={value!r} uses rows in a way that is not private: with "
                f"privacy=Private(...), give {choices}."
            )


def check_not_private(sampler: Any) -> None:
    """Raise `InputError` if a sampler is private, so that further training has no accounting."""
    if is_private(sampler) or has_guarantee(sampler):
        raise InputError(
            "a private sampler cannot be trained further, since the budget of both trainings is "
            "not accounted for: fit once, on all rows and for all steps."
        )


def _check_params(sampler: Any, init: Any) -> None:
    refuse_private(
        sampler,
        precision=("32-true",),
        torch_compile=(False,),
        devices=(1,),
        class_balance=("auto", 0, 0.0),
    )
    if init is not None:
        raise InputError(
            "init is not possible with privacy=Private(...): its rows are not accounted for, and "
            "its network may normalise over batches."
        )
    for callback in sampler.callbacks or []:
        if not callback.sees_samples_only:
            raise InputError(
                f"the callback {type(callback).__name__} sees rows, losses or the state of "
                "training, which are not private: leave it out."
            )
