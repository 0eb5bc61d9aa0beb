"""Classifiers of a study: what counts as one, how it is named, and which arms it can run."""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import registered
from gen_augment.rng import fork_rng
from gen_augment.study.arms import Arm, row_step_problem
from gen_augment.study.arms.arm import without_addresses
from gen_augment.study.balance import weight_key
from gen_augment.study.teaching import teaching_problem

__all__ = ["default_steps", "describe_model", "is_network_factory", "load_model", "why_not"]


def default_steps(n_rows: int) -> int:
    """Return the training steps of a network: 1,000 for 100 rows, doubled for 8 times the rows.

    Fewer steps would weaken most the baselines that change their rows most, such as MixUp.

    Examples
    --------
    >>> default_steps(100), default_steps(800)
    (1000, 2000)
    """
    return 100 * round(10 * float(np.cbrt(n_rows / 100)))


def load_model(name: str) -> Any:
    """Load a classifier by name.

    Parameters
    ----------
    name : str
        The dotted name of a scikit-learn class, such as ``sklearn.naive_bayes.GaussianNB``, or
        ``file.py:function`` for a function without arguments that returns a new network.

    Raises
    ------
    InputError
        It cannot be loaded.
    """
    file, colon, attribute = name.rpartition(":")
    try:
        if colon:
            spec = importlib.util.spec_from_file_location(Path(file).stem, file)
            if spec is None or spec.loader is None:
                raise ImportError(f"{file} is not a Python file")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return getattr(module, attribute)
        parent, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(parent), attribute)()
    except Exception as error:  # the user's own file may raise anything
        raise InputError(
            f"model {name!r} cannot be loaded ({error}): give a class such as "
            "sklearn.naive_bayes.GaussianNB, or file.py:function."
        ) from error


def is_network_factory(model: Any) -> bool:
    """Return whether `model` makes networks, rather than being an estimator.

    Raises
    ------
    InputError
        It is neither.
    """
    if not isinstance(model, type) and all(
        hasattr(model, name) for name in ("fit", "predict_proba", "get_params")
    ):
        return False
    if callable(model) and not isinstance(model, nn.Module) and not hasattr(model, "get_params"):
        return True
    raise InputError(
        f"model={model!r} is neither an instance of a scikit-learn classifier with predict_proba "
        "nor a function that returns a new nn.Module each time it is called."
    )


def describe_model(model: Any) -> tuple[str, str]:
    """Return a name to show, and a text that differs between different models."""
    if not is_network_factory(model):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        return repr(model), kind + without_addresses(repr(sorted(model.get_params().items())))
    with fork_rng(0, torch.device("cpu")):
        network = model()
    if not isinstance(network, nn.Module):
        raise InputError(
            f"model() gave a {type(network).__name__}: it must return a new nn.Module."
        )
    return f"network {type(network).__name__}", without_addresses(repr(network))


def why_not(arm: Arm, model: Any, rows: Rows, teachers: Sequence[Any] = ()) -> str | None:
    """Say why these rows, or this model, cannot have the arm; None if they can."""
    network = is_network_factory(model)
    problem = teaching_problem(arm, model, teachers, network=network)
    if problem:
        return problem
    for step in arm.batch_steps:
        if isinstance(step, str) and step not in rows.modality.recipes:
            return _of_another_modality(step, rows)
    if arm.batch_steps and not network:
        return f"{arm.batch_steps[0]!r} changes batches, so it needs a network."
    if arm.synthetic.pretrain and not network:
        return "pre-training needs a network."
    if arm.synthetic.soft and not network:
        return "soft labels need a network."
    weighted = arm.balance == "weights" or arm.synthetic.share is not None
    if weighted and not network and weight_key(model) is None:
        return f"{type(model).__name__} takes no sample_weight."
    if arm.balance == "threshold" and network:
        return "thresholds are tuned for scikit-learn classifiers; use logit with a network."
    return row_step_problem(arm.resample if arm.is_generative else arm.rows, rows)


def _of_another_modality(step: str, rows: Rows) -> str:
    own = ", ".join(rows.modality.recipes) or "none"
    named = [name for name, made in registered().items() if step in made.recipes]
    owners = " and ".join(named)
    return (
        f"{step!r} is a recipe for {owners} rows, and these rows are {rows.modality.name}; "
        f"their recipes: {own}."
    )
