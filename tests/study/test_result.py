"""Results of trials: the compared arms, the table, and the verdict."""

import json
from pathlib import Path

import numpy as np
import pytest

from gen_augment.errors import InputError
from gen_augment.study.metrics import METRICS, find_metrics
from tests.study.results import REAL, make_result

# The verdict


# Selection


# The table


# Files


def test_to_json(tmp_path: Path) -> None:
    result = make_result({"real": REAL, "gan": [*REAL[:3], None]})
    result.to_json(tmp_path / "result.json")
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["verdict"] == result.verdict()
    assert [metric["name"] for metric in record["metrics"]] == ["balanced_accuracy"]
    assert (record["outcome"], record["best_with_synthetic_rows"]) == ("no arm", None)
    assert record["protocol"] == {"n_seeds": 4}
    assert len(record["trials"]) == 8
    assert record["trials"][0]["test_accuracy"] == 0.70
    assert record["trials"][7]["test_accuracy"] is None
    assert record["trials"][7]["error"] == "ValueError: planned"


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_found_by_name(metric: str) -> None:
    assert find_metrics(metric, np.arange(2)) == (METRICS[metric],)
    with pytest.raises(InputError, match=f"metric='{metric}s' is not one of balanced_accuracy"):
        find_metrics(metric + "s", np.arange(2))


# What another test part would say
