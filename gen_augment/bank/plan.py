"""The plan of a bank: checks of the arguments, and the manifest before any row is built."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from gen_augment.bank.manifest import MAX_ROWS, Generator, Manifest
from gen_augment.data.counts import allocate, check_counts
from gen_augment.data.labels import LabelCodec
from gen_augment.errors import InputError
from gen_augment.modalities import codec_to_json
from gen_augment.modalities.base import storage_of
from gen_augment.rng import resolve_seed
from gen_augment.samplers.rejection import Filter, describe_filter
from gen_augment.types import GeneratesRows
from gen_augment.validation import check_positive_int

__all__ = ["check_part", "make_plan"]


def make_plan(
    sampler: GeneratesRows,
    counts: int | Mapping[Any, int],
    filters: list[Filter],
    max_draws: int,
    seed: int | None,
    compression: str | None,
) -> Manifest:
    """Check the arguments of `SampleBank.build` and return them as a manifest."""
    if isinstance(sampler, type) or not hasattr(sampler, "fingerprint"):
        name = getattr(sampler, "__name__", type(sampler).__name__)
        raise InputError(
            f"{name} is not a sampler: give a fitted one, such as ConditionalVAE().fit(X, y)."
        )
    fingerprint = sampler.fingerprint()  # raises for a sampler that is not fitted
    labels: LabelCodec = sampler.label_codec_
    max_draws = check_positive_int("max_draws", max_draws)
    seed = sampler.seed_ if seed is None else resolve_seed(seed)
    # A file returns lists for tuples, so the plan must hold lists too.
    codec, label_codec = (
        json.loads(json.dumps(record))
        for record in (codec_to_json(storage_of(sampler.codec_)), labels.to_json())
    )
    plan = Manifest(
        Generator(type(sampler).__name__, fingerprint, seed),
        codec,
        label_codec,
        _rows_per_class(counts, max_draws, labels, sampler.class_prior_),
        tuple(describe_filter(keep) for keep in filters),
        max_draws if filters else 1,
        compression,
    )
    plan.store  # noqa: B018 # raises for a compression that cannot hold the rows
    return plan


def _rows_per_class(
    counts: int | Mapping[Any, int], max_draws: int, labels: LabelCodec, prior: np.ndarray
) -> tuple[int, ...]:
    numbers = (
        check_counts("counts", counts)
        if isinstance(counts, Mapping)
        else [check_positive_int("counts", counts)]
    )
    if not any(numbers):
        raise InputError(f"counts={counts!r} asks for no rows.")
    if sum(numbers) > MAX_ROWS or sum(numbers) * max_draws >= 2**63:
        raise InputError(
            f"counts={counts!r} with max_draws={max_draws} is too large: a bank has at most 2**40 "
            "rows, chosen from 2**63. Lower counts or max_draws."
        )
    if not isinstance(counts, Mapping):
        return tuple(allocate(numbers[0], prior).tolist())
    per_class = np.zeros(len(labels.classes), int)
    np.add.at(per_class, labels.encode(list(counts)), numbers)
    return tuple(per_class.tolist())


def check_part(part: tuple[int, int]) -> tuple[int, int]:
    """Return `part` as (i, n), or raise."""
    if (
        not isinstance(part, (tuple, list))
        or len(part) != 2
        or not all(type(number) is int for number in part)
        or not 0 <= part[0] < part[1]
    ):
        raise InputError(
            f"part={part!r}: give (i, n), the i-th of n parts, with i from 0 to n - 1."
        )
    return part[0], part[1]
