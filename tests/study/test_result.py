"""Results of trials: the compared arms, the table, and the verdict."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from gen_augment.errors import InputError
from gen_augment.study.metrics import METRICS, find_metrics
from tests.study.results import REAL, make_result, rows

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


def test_the_plot_shows_each_difference_and_its_interval() -> None:
    arms = {"real": REAL, "shift": rows(0.6, *[0.7] * 4), "gan": rows(0.8, 0.75, 0.78, 0.74, 0.74)}
    result = make_result(arms)
    axes = result.plot(ax=Figure().subplots())
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["gan", "shift"]
    assert "difference to real" in axes.get_xlabel()
    dots = axes.collections[0].get_offsets()[:, 0]
    np.testing.assert_allclose(dots, [5, 6, 3, 5], atol=1e-9)
    ends = axes.lines[0].get_xdata()
    interval = result.difference("gan", "real")
    np.testing.assert_allclose(ends, [100 * interval.low, 100 * interval.high])


def test_a_plot_needs_two_arms() -> None:
    with pytest.raises(InputError, match="fewer than two arms"):
        make_result({"real": REAL, "gan": [None] * 4}).plot()
