"""Short training runs of a classifier, as a study does them."""

from typing import Any

from gen_augment.data import Rows
from gen_augment.study import Training
from gen_augment.study.arms import Pool, parse_arm
from gen_augment.study.fitting import fit_predict
from tests.study.toys import (
    gaussians,
    rows_of,
)


def train(
    model: Any,
    pool: Rows,
    *,
    real: Rows | None = None,
    arm: str = "real",
    seed: int = 0,
    **changes: Any,
) -> Any:
    """Return the probabilities of `fit_predict` for two classes and a short training."""
    settings: dict[str, Any] = {
        "n_steps": 5,
        "batch_size": 8,
        "lr": 1e-2,
        "device": "cpu",
    } | changes
    return fit_predict(
        model, parse_arm(arm, {}), Pool(pool), real or pool, seed, Training(**settings)
    )


def table(n: int = 60, seed: int = 0) -> Rows:
    return rows_of(*gaussians(n, seed=seed))
