"""What a study is, in words for its report and as a hash that tells it from others."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from gen_augment.study.arms.arm import without_addresses
from gen_augment.study.task import Part, Task, row_digests

if TYPE_CHECKING:
    from gen_augment.study.runner import Study

__all__ = ["describe_sampler", "describe_task", "fingerprint", "settings_of", "versions"]

#: Settings that may change while trials stay what they are: more seeds or arms may be added to what is there.
_FREE = ("n_seeds", "arms", "sizes", "metric", "margin", "stopping", "versions")


def settings_of(study: "Study", model: str) -> dict[str, Any]:
    """All settings of a study as JSON values, its model in these words."""
    return {
        "data": describe_task(study.task),
        "arms": list(study.arms),
        "n_seeds": study.n_seeds,
        "metric": study.metric,
        "margin": study.margin,
        "sizes": list(study.sizes) or None,
        "stopping": "sequential" if study.sequential else "none",
        "n_steps": study.n_steps,
        "batch_size": study.batch_size,
        "lr": study.lr,
        **({} if study.precision == "32-true" else {"precision": study.precision}),
        "random_state": study.random_state,
        "corruptions": study.corruptions,
        "model": model,
        "samplers": {name: describe_sampler(sampler) for name, sampler in study.samplers.items()},
        "versions": versions(),
    }


def describe_task(task: Task) -> dict[str, Any]:
    """The data and its splits as JSON values."""
    return {
        "kind": task.kind,
        "rows": len(task.rows),
        "classes": [str(label) for label in task.classes.tolist()],
        "test": "held out anew for each seed"
        if task.test is None
        else f"{len(task.test)} rows apart",
        "test_size": task.test_size,
        "validation_size": task.validation_size,
        "per_class": task.per_class and {str(label): n for label, n in task.per_class.items()},
        "duplicates_dropped": task.n_dropped,
        **({} if task.rows.groups is None else {"groups": len(np.unique(task.rows.groups))}),
        **(
            {"shifted": {name: len(part) for name, part in task.shifted.items()}}
            if task.shifted
            else {}
        ),
    }


def describe_sampler(sampler: Any) -> dict[str, Any]:
    """Class and parameters as JSON values."""
    plain = (bool, int, float, str, type(None))
    params = {k: v for k, v in sampler.get_params(deep=False).items() if k != "callbacks"}
    shown = {
        k: v if isinstance(v, plain) else without_addresses(repr(v)) for k, v in params.items()
    }
    return {"class": type(sampler).__name__} | shown


def versions() -> dict[str, str]:
    """Of what the trials ran on."""
    packages = ("gen_augment", "torch", "scikit-learn", "numpy")
    return {name: version(name) for name in packages} | {"python": platform.python_version()}


def fingerprint(settings: Mapping[str, Any], task: Task) -> str:
    """Hash of all that decides a trial but its arm and its seed."""
    digest = hashlib.blake2b(digest_size=16)
    deciding = {name: value for name, value in settings.items() if name not in _FREE}
    digest.update(json.dumps(deciding, sort_keys=True).encode())
    parts: list[Part | None] = [task.rows, task.test, *task.shifted.values()]
    for part in parts:
        if part is not None:
            digest.update("".join(row_digests(part.X)).encode())
            digest.update(part.codes.tobytes())
            digest.update(b"" if part.groups is None else part.groups.tobytes())
    return digest.hexdigest()
