"""A study described: as JSON values for its report, and as a hash that identifies it."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from gen_augment.study.arms.arm import kept_fits, without_addresses
from gen_augment.study.splitting import Task

__all__ = ["describe_sampler", "describe_task", "fingerprint", "versions"]

#: Settings that may change while trials stay valid: seeds or arms may be added to a folder.
_FREE = ("name", "n_seeds", "arms", "sizes", "metric", "margin", "stopping", "versions")


def describe_task(task: Task) -> dict[str, Any]:
    """Describe the data and its splits."""
    per_class = task.per_class
    record: dict[str, Any] = {
        "modality": repr(task.modality),
        "rows": len(task.rows),
        "classes": [str(label) for label in task.classes.tolist()],
        "test": "held out again for each seed"
        if task.test is None
        else f"{len(task.test)} fixed rows",
        "test_size": task.how.test_size,
        "validation_size": task.how.validation_size,
        "per_class": per_class and {str(label): n for label, n in per_class.items()},
        "duplicates_dropped": task.n_dropped,
    }
    if task.rows.groups is not None:
        record["groups"] = len(np.unique(task.rows.groups))
    if task.shifted:
        record["shifted"] = {name: len(part) for name, part in task.shifted.items()}
    return record


def describe_sampler(sampler: Any) -> dict[str, Any]:
    """Describe class and parameters."""
    plain = (bool, int, float, str, type(None))
    params = {k: v for k, v in sampler.get_params(deep=False).items() if k != "callbacks"}
    shown = {
        k: v if isinstance(v, plain) else without_addresses(repr(v)) for k, v in params.items()
    }
    kept = kept_fits(sampler)
    return {"class": type(sampler).__name__} | shown | ({"fingerprints": kept} if kept else {})


def versions() -> dict[str, str]:
    """Return the versions of the packages that trials run on."""
    packages = ("gen_augment", "torch", "scikit-learn", "numpy")
    return {name: version(name) for name in packages} | {"python": platform.python_version()}


def fingerprint(settings: Mapping[str, Any], task: Task) -> str:
    """Hash all that decides a trial except its arm and its seed."""
    digest = hashlib.blake2b(digest_size=16)
    deciding = {name: value for name, value in settings.items() if name not in _FREE}
    digest.update(json.dumps(deciding, sort_keys=True).encode())
    for part in (task.rows, task.test, *task.shifted.values()):
        if part is not None:
            digest.update("".join(part.digests).encode())
            digest.update(part.codes.tobytes())
            digest.update(b"" if part.groups is None else part.groups.tobytes())
    return digest.hexdigest()
