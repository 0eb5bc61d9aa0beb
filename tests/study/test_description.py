"""A study described as JSON values and as a hash."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from torch import nn

from gen_augment.errors import ArchiveError
from gen_augment.study.description import describe_sampler, describe_task, fingerprint, versions
from tests.study.small_studies import X, Y, image_study
from tests.study.toys import (
    Copies,
    TrueDraws,
    gaussians,
    make_task,
    small_study,
)


@pytest.mark.parametrize(
    "changes",
    [
        {"X": X + 1e-9},
        {"y": 1 - Y},
        {"test": (X + 9, Y)},
        {"model": LogisticRegression(C=2)},
        {"samplers": {"copies": Copies(random_state=1)}},
        {"samplers": {"copies": TrueDraws()}},
        {"test_size": 0.4},
        {"validation_size": 0.3},
        {"per_class": 10},
        {"n_steps": 7},
        {"lr": 0.1},
        {"precision": "bf16-mixed"},
        {"random_state": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_folder_of_another_study_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    small_study(X, Y, n_seeds=1).run(tmp_path)
    other = {"X": X, "y": Y, "n_seeds": 1} | changes
    with pytest.raises(ArchiveError, match="holds another study"):
        small_study(other.pop("X"), other.pop("y"), **other).run(tmp_path)


def test_another_network_is_another_study(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"arms": ["real"], "n_seeds": 1}

    def make(width: int) -> Any:
        return lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(144, width), nn.ReLU(), nn.Linear(width, 2)
        )

    image_study(model=make(4), **settings).run(tmp_path)
    image_study(model=make(4), **settings).run(tmp_path)
    with pytest.raises(ArchiveError, match="holds another study"):
        image_study(model=make(5), **settings).run(tmp_path)


def test_parameters_of_a_sampler_are_described_without_addresses() -> None:
    class Sampler(Copies):
        pass

    record = describe_sampler(Sampler(random_state=object()))  # type: ignore[arg-type]
    assert record == {"class": "Sampler", "log": None, "random_state": "<object object>"}
    assert json.dumps(record)


def test_the_hash_depends_on_data_and_settings_but_not_on_the_number_of_seeds() -> None:
    rows, y = gaussians(60)
    task, settings = make_task(rows, y), {"n_seeds": 3, "lr": 0.1}
    known = fingerprint(settings, task)
    assert fingerprint(settings | {"n_seeds": 9, "versions": {"torch": "1"}}, task) == known
    assert fingerprint(settings | {"lr": 0.2}, task) != known
    changed = rows.copy()
    changed[5] += 1e-3
    others = [make_task(changed, y), make_task(rows, 1 - y), make_task(rows, y, groups=range(60))]
    assert len({known, *(fingerprint(settings, other) for other in others)}) == 4
    record = describe_task(make_task(rows, y, groups=np.arange(60), shifted={"s": (rows + 99, y)}))
    assert (record["rows"], record["groups"], record["shifted"]) == (60, 60, {"s": 60})
    assert record["classes"] == ["0", "1"]
    assert set(versions()) == {"gen_augment", "torch", "scikit-learn", "numpy", "python"}
