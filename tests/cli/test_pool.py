"""``gen-augment pool``: several files into one that samples."""

from pathlib import Path

import pandas as pd

from gen_augment import BootstrapSampler, ConditionalVAE, Private, load_sampler
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


def test_the_guarantee_of_a_pool(tmp_path: Path, run: Run) -> None:
    plain = write_model(tmp_path / "plain.safetensors", ("stays", "goes"))
    frame = pd.read_csv(plain.with_suffix(".csv"))
    bounds = {"score": (-9, 9), "visits": (-80, 80)}
    for name, epsilon in (("a", 1), ("b", 3)):
        budget = Private(epsilon, 1e-3, bounds=bounds, classes=["goes", "stays"])
        model = ConditionalVAE(privacy=budget, max_steps=1, width=2, device="cpu")
        model.fit(frame.drop(columns="churn"), frame["churn"]).save(tmp_path / name)
    code, output, _ = run("pool", "a", "b", "-o", "all")
    assert code == 0
    assert output.splitlines()[1].startswith("private: epsilon=2.99")
    code, output, _ = run("pool", "a", "b", plain, "-o", "mixed")
    assert code == 0
    assert "not private: no guarantee for the rows of plain" in output


def test_bad_input(tmp_path: Path, run: Run) -> None:
    a = write_model(tmp_path / "a.safetensors", ("stays", "goes"))
    b = write_model(tmp_path / "b.safetensors", ("stays", "goes"))
    made = tmp_path / "all.safetensors"
    for arguments, message in (
        (("pool", a, b, "--weight", "1", "-o", made), "weights=[1.0]"),
        (("pool", a, b, a, "-o", made), "a.safetensors is given twice: give each file once"),
        (("pool", a, b, "-o", a), "a.safetensors is an input of this command"),
    ):
        code, _, error = run(*arguments)
        assert code == 2
        assert message in error
    assert not made.exists()
    assert run("pool", a, tmp_path / "missing", "-o", tmp_path / "all.safetensors")[0] == 2
