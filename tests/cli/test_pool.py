"""``gen-augment pool``: several files into one that samples."""

from pathlib import Path

import pandas as pd

from gen_augment import BootstrapSampler, load_sampler
from tests.cli.toys import Run, write_table


def write_model(path: Path, labels: tuple[str, str]) -> Path:
    frame = write_table(path.with_suffix(".csv"), labels=labels)
    BootstrapSampler(random_state=0).fit(frame.drop(columns="churn"), frame["churn"]).save(path)
    return path


def test_pooled_files_are_sampled(tmp_path: Path, run: Run) -> None:
    a = write_model(tmp_path / "a.safetensors", ("stays", "goes"))
    b = write_model(tmp_path / "b.safetensors", ("stays", "dies"))
    code, output, _ = run("pool", a, b, "-o", tmp_path / "all.safetensors")
    assert code == 0
    assert "2 samplers with 3 classes" in output
    loaded = load_sampler(tmp_path / "all.safetensors")
    assert set(loaded.origins(range(50), "stays")) == {"a", "b"}  # type: ignore[attr-defined]
    assert (
        run(
            "sample",
            tmp_path / "all.safetensors",
            "-n",
            5,
            "--label",
            "dies",
            "-o",
            tmp_path / "rows.csv",
        )[0]
        == 0
    )
    assert pd.read_csv(tmp_path / "rows.csv")["churn"].tolist() == ["dies"] * 5


def test_bad_input(tmp_path: Path, run: Run) -> None:
    a = write_model(tmp_path / "a.safetensors", ("stays", "goes"))
    code, _, error = run("pool", a, a, "--weight", "1", "-o", tmp_path / "all.safetensors")
    assert code == 2
    assert "weights=[1.0]" in error
    assert not (tmp_path / "all.safetensors").exists()
    assert run("pool", a, tmp_path / "missing", "-o", tmp_path / "all.safetensors")[0] == 2
