"""A command line in a new folder, and a fitted model."""

from pathlib import Path
from typing import Any

import pytest

from gen_augment import ConditionalVAE
from gen_augment.cli import main
from tests.cli.toys import Run, write_table


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a new folder. Return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return int(ended.value.code or 0), streams.out, streams.err

    return run_it


@pytest.fixture(scope="module")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved sampler of a table with labels "goes" and "stays"."""
    folder = tmp_path_factory.mktemp("table")
    frame = write_table(folder / "t.csv")
    model = ConditionalVAE(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=0, device="cpu"
    )
    model.fit(frame.drop(columns="churn"), frame["churn"]).save(folder / "m.safetensors")
    return folder / "m.safetensors"
