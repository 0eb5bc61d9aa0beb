"""Small studies with known truth."""

from typing import Any

import pandas as pd
from torch import nn

from gen_augment.study import Study, StudyResult
from tests.study.toys import (
    Copies,
    centred_images,
    gaussians,
    make_study,
)

X, Y = gaussians(60)


SECONDS = ["fit_seconds", "sample_seconds", "train_seconds", "predict_us"]


def scores(result: StudyResult) -> pd.DataFrame:
    """Return the trials without times and without the text of an arm's sampler."""
    return result.trials.drop(columns=[*SECONDS, "arm_key"])


def image_study(**changes: Any) -> Study:
    images, y = centred_images(40)
    settings: dict[str, Any] = {
        "model": lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2)),
        "arms": ["real", "shift+mixup", "copies", "copies+shift"],
        "samplers": {"copies": Copies()},
        "n_seeds": 2,
        "n_steps": 3,
        "batch_size": 8,
        "device": "cpu",
    }
    return make_study(images, y, **(settings | changes))
