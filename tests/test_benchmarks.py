"""The code of the benchmarks at its quick size. No test measures time."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import benchmarks.__main__ as command
from benchmarks import BENCHMARKS, SUITES, controls, ctgan, harness
from benchmarks.comparison import paired
from benchmarks.protocol import Protocol
from gen_augment.errors import MissingDependencyError
from gen_augment.modalities.image.generators import ImageNetworks
from tests.study.results import make_result

#: The code -1 marks unlabelled rows, and raises a warning.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")


@pytest.fixture(autouse=True)
def results_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the results of each test to its own folder."""
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr(harness, "WORK", tmp_path / "work")
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


#: Benchmarks with the code of others, on other data or with more steps.
#: ``GEN_AUGMENT_BENCHMARKS=all`` runs them too.
SIMILAR = (
    "cifar-lowdata", "fashion-longtail", "fashion-lowdata", "mnist-lowdata", "robustness",
    "text-lowdata-lm",
)  # fmt: skip
PROTOCOLS = (
    *SIMILAR, "ablation", "audio-lowdata", "controls", "mnist-longtail", "series", "text-lowdata",
    "transfer", "unlabelled",
)  # fmt: skip


#: Benchmarks whose data come with packages, or are made.
WITHOUT_FILES = (
    "canary", "claims", "ctgan", "da-fusion", "imputation", "overhead", "private", "processes",
    "quality", "scale", "series", "sites", "tables",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_quick_size_runs_and_is_recorded(
    name: str, results_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageNetworks, "label_steps", 5)  # labels of unlabelled rows
    needed = {
        "mnist": "MNIST",
        "cifar": "cifar10-jpeg.zip",
        "text": "banking77",
        "audio": "free-spoken-digits.zip",
        "spoken": "free-spoken-digits.zip",
    }.get(name.partition("-")[0], "FashionMNIST")
    folder = Path(os.environ.get("GEN_AUGMENT_DATA", ""))
    if name not in WITHOUT_FILES and not (folder / needed).exists():
        pytest.skip(f"needs {needed} in GEN_AUGMENT_DATA")
    if name in SIMILAR and os.environ.get("GEN_AUGMENT_BENCHMARKS") != "all":
        pytest.skip("runs with GEN_AUGMENT_BENCHMARKS=all")
    package = {
        "ctgan": "ctgan", "da-fusion": "peft", "pythae": "pythae", "quality": "sdmetrics",
        "series": "aeon",
    }.get(name)  # fmt: skip
    if package is not None and find_spec(package) is None:
        pytest.skip(f"needs {package}, which is not a dependency")
    printed = run("run", name, "--quick")
    record = json.loads((results_folder / f"{name}.quick.json").read_text())
    assert record["quick"] is True
    assert record["machines"][0]["versions"]["torch"]
    assert BENCHMARKS[name].table(record["results"]) in printed
    if name in PROTOCOLS:
        assert [t for t in record["results"]["trials"] if t["error"]] == []
        assert len(BENCHMARKS[name].figures(record["results"])) == 1
    if name == "controls":
        assert printed.count("must be refused: as expected") == 2


def test_failed_controls_are_reported() -> None:
    assert "must be refused: **not as expected** (they were accepted)" in controls.table(
        {"trials": [], "leaks": {"oversampled": None}}
    )


@pytest.mark.parametrize("change, good", [(0.001, True), (0.02, False)])
def test_control_without_effect_needs_a_narrow_interval(
    change: float, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interval that contains 0 is not enough."""
    scores = {arm: [0.8, 0.81, 0.82] for arm in controls.ARMS}
    scores[controls.SHUFFLED] = [0.5, 0.51, 0.52]
    scores[controls.REPEAT] = [0.8 + change, 0.81, 0.82 - change]
    found = make_result(
        {arm: [(score, score) for score in values] for arm, values in scores.items()}
    )
    monkeypatch.setattr(Protocol, "result", lambda *_: found)
    monkeypatch.setattr(Protocol, "table", lambda *_: "")
    assert (
        f"Each row twice must change nothing: {'as expected' if good else '**not'}"
        in controls.table({"trials": []})
    )


def test_intervals_of_corrupted_scores_include_the_test_rows() -> None:
    """Equal differences in all seeds are not certain, since all seeds share the test rows."""
    result = make_result({arm: [(0.8, 0.8)] * 3 for arm in ("real", "gan")})
    values = {
        (seed, arm): 0.7 + 0.01 * (arm == "gan") for seed in range(3) for arm in ("real", "gan")
    }
    rng = np.random.default_rng(0)
    left_out = {key: value + rng.normal(0, 0.003, 20) for key, value in values.items()}
    gain = paired(result, values, left_out, "gan", "real")
    spread = np.mean([left_out[seed, "gan"] - left_out[seed, "real"] for seed in range(3)], axis=0)
    assert gain.mean == pytest.approx(0.01)
    assert gain.high - gain.mean > 2 * np.sqrt(np.var(spread) * 19)


def test_paired_ratio_alternates_and_is_the_median_of_the_rounds() -> None:
    calls: list[str] = []
    times = {"ours": iter([9.0, 2.0, 3.0, 40.0]), "bare": iter([9.0, 1.0, 1.0, 10.0])}

    def clock(name: str) -> Any:
        return lambda: (calls.append(name), next(times[name]))[1]

    found = harness.paired_ratio(clock("ours"), clock("bare"), 3)
    assert (found["ratio"], found["ratio_min"], found["ratio_max"]) == (3.0, 2.0, 4.0)
    assert calls == ["ours", "bare", "bare", "ours", "ours", "bare", "bare", "ours"]


def test_stopped_run_resumes_with_the_missing_trials(results_folder: Path) -> None:
    first = harness.Trials("long", quick=False)
    first.add({"seed": 0, "steps": [3]}, lambda: {"accuracy": 0.5})
    with pytest.raises(ZeroDivisionError):
        first.add({"seed": 1, "steps": [3]}, lambda: {"accuracy": 1 / 0})
    again = harness.Trials("long", quick=False)
    again.add({"seed": 0, "steps": [3]}, lambda: pytest.fail("the trial is done"))
    again.add({"seed": 0, "steps": [4]}, lambda: {"accuracy": 0.75})
    assert again.done == [
        {"seed": 0, "steps": [3], "accuracy": 0.5},
        {"seed": 0, "steps": [4], "accuracy": 0.75},
    ]
    assert json.loads((results_folder / "long.json").read_text())["results"]["trials"] == again.done
    assert harness.Trials("long", quick=True).done == []


def test_machines_that_added_a_trial_are_recorded(
    results_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, cores in ((0, 2), (1, 2), (2, 8), (2, 16)):  # the last adds nothing
        monkeypatch.setattr(harness, "describe_machine", lambda cores=cores: {"cores": cores})
        harness.Trials("long", quick=False).add({"seed": seed}, lambda: {"accuracy": 0.5})
        harness.save("long", {"trials": [{"seed": seed, "accuracy": 0.5}]}, quick=False)
    assert json.loads((results_folder / "long.json").read_text())["machines"] == [
        {"cores": 2},
        {"cores": 8},
    ]


def test_concurrent_runs_share_the_trials(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = harness.Trials("long", quick=False), harness.Trials("long", quick=False)

    def meanwhile() -> harness.Record:
        other.add({"seed": 0}, lambda: pytest.fail("another run has claimed the trial"))
        other.add({"seed": 1}, lambda: {"accuracy": 0.75})
        return {"accuracy": 0.5}

    one.add({"seed": 0}, meanwhile)
    assert "another process runs {'seed': 0}" in capsys.readouterr().out
    one.add({"seed": 1}, lambda: pytest.fail("another run has done the trial"))
    other.add({"seed": 0}, lambda: pytest.fail("another run has done the trial"))
    trials = [{"seed": 1, "accuracy": 0.75}, {"seed": 0, "accuracy": 0.5}]
    assert one.done == other.done == trials
    # The end of a run saves the results again, here with one trial less.
    stale = harness.save("long", {"trials": trials[:1], "real": 0.9}, quick=False)
    assert json.loads(stale.read_text())["results"] == {"trials": trials, "real": 0.9}


def test_killed_run_releases_its_claims(results_folder: Path) -> None:
    hold = (
        "import sys; from pathlib import Path; from benchmarks import harness; harness.WORK = Path(sys.argv[1]);"
        "claim = harness.Trials('long', False).claim({'seed': 0});"
        "print(claim.__enter__(), flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", hold, str(harness.WORK)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        with harness.Trials("long", False).claim({"seed": 0}) as mine:
            assert not mine
        process.kill()
    with harness.Trials("long", False).claim({"seed": 0}) as mine:
        assert mine


def test_benchmark_that_cannot_be_shared_raises() -> None:
    with (
        harness.Trials("timing", False).alone(),
        pytest.raises(RuntimeError, match="timing already runs in another process"),
        harness.Trials("timing", False).alone(),
    ):
        pass


def test_committed_results_are_full_runs_and_in_the_report() -> None:
    folder = Path(harness.__file__).parent
    opening, *others = (folder / "RESULTS.md").read_text().split("\n## ")
    sections = dict(part.split("\n", 1) for part in others)
    _, _, missing = opening.partition("Not run yet: ")
    for name, benchmark in BENCHMARKS.items():
        path = folder / "results" / f"{name}.json"
        assert (f"`{name}`" in missing) is (name not in sections) is not path.exists()
        if path.exists():
            record = json.loads(path.read_text())
            assert record["quick"] is False
            whole, section = path.with_suffix(".md").read_text(), sections[name]
            table = benchmark.table(record["results"])
            assert benchmark.about.strip() in whole
            assert table in whole
            assert (benchmark.summary(record["results"]) if benchmark.summary else table) in section
            assert all(
                " | ".join([f"`{name}`", *line]) in opening
                for line in benchmark.found(record["results"])
            )
            pictures = re.findall(r"!\[.*\]\(results/(.*)\)", section)
            assert bool(pictures) is bool(benchmark.figures(record["results"]))
            assert all(
                (folder / "results" / picture).exists() and f"({picture})" in whole
                for picture in pictures
            )


def test_short_report_links_to_the_full_report(
    results_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = harness.Benchmark(
        "One line.\n\nThe set-up.\n",
        lambda quick: {},
        lambda results: "long table",
        lambda results: {
            "a b": harness.measured_figure({"step": harness.Measured(0.9, 0.8, 1.2, 1.1)}, "ratio")
        },
        summary=lambda results: "short table",
    )
    monkeypatch.setattr(
        command,
        "BENCHMARKS",
        {"some": benchmark, "other": replace(benchmark, summary=None), "new": benchmark},
    )
    monkeypatch.setattr(command, "RESULTS", results_folder / "results")
    monkeypatch.setattr(harness, "RESULTS", results_folder / "results")
    for name in ("some", "other"):
        harness.save(name, {}, quick=False)
    run("report")
    report = (results_folder / "RESULTS.md").read_text()
    some, other = report.split("\n## ")[1:]
    assert "Not run yet: `new`." in report
    assert "The set-up" not in report
    assert "One line.\n\nshort table\n\n![a b](results/some-a-b.svg)" in some
    assert "One line.\n\nlong table" in other
    assert "python -m benchmarks run some" in some
    whole = (results_folder / "results" / "some.md").read_text()
    assert "One line.\n\nThe set-up.\n\nlong table\n\n![a b](some-a-b.svg)" in whole
    before = (results_folder / "results" / "some-a-b.svg").read_bytes()
    run("report")
    assert (results_folder / "results" / "some-a-b.svg").read_bytes() == before


@pytest.mark.parametrize(
    "ratios, high, scale", [(True, 3, "linear"), (True, 9, "log"), (False, 9, "linear")]
)
def test_measured_figures_have_the_right_positions(ratios: bool, high: float, scale: str) -> None:
    found = {"a": harness.Measured(0.9, 0.8, 1.2, 1.1), "b": harness.Measured(2.0, 1.5, high)}
    (axes,) = harness.measured_figure(found, "ratio", ratios=ratios).axes
    *marks, nothing = (line.get_xydata().tolist() for line in axes.lines)
    assert marks == [[[1.5, 0], [high, 0]], [[2, 0]], [[0.8, 1], [1.2, 1]], [[0.9, 1]], [[1.1, 1]]]
    assert nothing[0][0] == (1 if ratios else 0)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert axes.get_xscale() == scale


def test_labels_of_the_mixed_table_follow_the_returned_probability() -> None:
    X, y, p = ctgan.draw_table(20_000, 0)
    assert X.shape == (20_000, 15)
    assert X.select_dtypes("category").nunique().to_dict() == ctgan.N_CATEGORIES
    here = np.digitize(p, [0.1, 0.3, 0.6])
    counts = np.bincount(here)
    error = np.abs(np.bincount(here, y - p)) / np.sqrt(np.bincount(here, p * (1 - p)))
    assert (counts > 1000).all()
    assert (error < 4).all()
    assert ctgan.draw_table(50, 1)[0].equals(ctgan.draw_table(50, 1)[0])


def test_comparison_with_ctgan_names_the_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctgan", None)
    with pytest.raises(
        MissingDependencyError, match=r"pip install --no-deps -t FOLDER ctgan==0\.12\.1"
    ):
        ctgan.run(quick=True)


def test_list_prints_all_names() -> None:
    assert all(name in run("list") for name in (*BENCHMARKS, *SUITES))


def test_suite_runs_all_members(results_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SUITES["speed"]:
        monkeypatch.setitem(
            command.BENCHMARKS,
            name,
            harness.Benchmark(name, lambda quick: {"quick": quick}, lambda results: "table"),
        )
    printed = run("run", "speed", "--quick")
    assert printed.count("table") == len(SUITES["speed"])
    assert {path.name for path in results_folder.iterdir()} >= {
        f"{name}.quick.json" for name in SUITES["speed"]
    }
    assert {member for members in SUITES.values() for member in members} <= set(BENCHMARKS)
