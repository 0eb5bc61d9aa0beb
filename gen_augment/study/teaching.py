"""The teacher of a study: what counts as one, and the labels that it gives.

References
----------
Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gen_augment.data import Rows
from gen_augment.distillation.soft_labels import aligned_proba, out_of_fold
from gen_augment.errors import InputError
from gen_augment.metrics.classifier import estimator_inputs
from gen_augment.rng import derive_seed, seeded_clone
from gen_augment.study.arms import Arm, Pool
from gen_augment.study.balance import weight_key

__all__ = ["fit_teachers", "read_teachers", "teacher_labels", "teaching_problem"]

#: Folds of the out-of-fold labels.
N_FOLDS = 5


def read_teachers(teacher: Any) -> tuple[Any, ...]:
    """Return the estimators that are averaged; none if there is no teacher.

    Raises
    ------
    InputError
        One of them is no classifier with `predict_proba`.
    """
    if teacher is None:
        return ()
    teachers = tuple(teacher) if isinstance(teacher, (list, tuple)) else (teacher,)
    for model in teachers:
        needed = ("fit", "predict_proba", "get_params")
        if isinstance(model, type) or not all(hasattr(model, name) for name in needed):
            raise InputError(
                f"teacher={model!r} is not an instance of a scikit-learn classifier with "
                "predict_proba."
            )
    if not teachers:
        raise InputError("teacher is an empty list: give a classifier, or leave it out.")
    return teachers


def teaching_problem(arm: Arm, model: Any, teachers: Sequence[Any], *, network: bool) -> str | None:
    """Say why an arm cannot learn from the teacher, or be it; None if it can."""
    if not (arm.taught or arm.is_teacher):
        return None
    if not teachers:
        return "it needs a teacher: give Study a teacher=."
    use = arm.synthetic
    others = {
        arm.balance: bool(arm.balance),
        str(arm.resample): arm.is_generative and arm.resample != "real",
        str(arm.rows): not arm.is_generative and arm.rows not in ("real", "teacher"),
        "soft": use.soft,
        "shuffled": use.shuffled,
        "pretrain": use.pretrain,
    }
    if arm.is_teacher:
        others |= {"teacher as an option": arm.taught, "batch steps": bool(arm.batch_steps)}
    for name, given in others.items():
        if given:
            return f"the teacher cannot be combined with {name}: take one."
    if arm.taught and not network and weight_key(model) is None:
        return (
            f"{type(model).__name__} takes no sample_weight, so it cannot learn the teacher's "
            "probabilities."
        )
    return None


def fit_teachers(
    teachers: Sequence[Any], real: Rows, seed: int
) -> list[tuple[Any, Callable[[Any], Any]]]:
    """Fit each teacher on the real rows; return it with what maps rows to its inputs."""
    found = []
    for number, model in enumerate(teachers):
        made, inputs = _seeded(model, number, seed), estimator_inputs(model, real)
        found.append((made.fit(inputs(real.X), real.codes), inputs))
    return found


def teacher_labels(teachers: Sequence[Any], pool: Pool, real: Rows, seed: int) -> np.ndarray:
    """Return the teacher's probabilities for the rows of a pool.

    Real rows get those of teachers that have not seen them, nor rows of their group. Synthetic
    rows, which come last, get those of the teachers that have seen all real rows.

    Returns
    -------
    ndarray of shape (n, n_classes)
    """
    n_classes, folds = real.n_classes, derive_seed(seed, "teacher folds") % 2**32
    soft = np.zeros((len(pool.rows), n_classes))
    synthetic = pool.rows.part(np.arange(len(real), len(pool.rows))) if pool.n_synthetic else None
    for number, model in enumerate(teachers):
        made, inputs = _seeded(model, number, seed), estimator_inputs(model, real)
        x = inputs(real.X)
        soft[: len(real)] += out_of_fold(
            [made], x, real.codes, n_classes, N_FOLDS, folds, groups=real.groups
        )
        if synthetic is not None:
            made.fit(x, real.codes)
            soft[len(real) :] += aligned_proba(made, inputs(synthetic.X), n_classes)
    return soft / len(teachers)


def _seeded(model: Any, number: int, seed: int) -> Any:
    return seeded_clone(model, derive_seed(seed, "teacher", number))
