"""Options for columns, files, modalities and samplers of the user's own."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gen_augment import load_sampler
from gen_augment.cli import main
from gen_augment.cli.options import modality_options, read_parameters
from gen_augment.data.sources import DATASETS
from tests.cli.toys import write_images
from tests.processes import run_elsewhere


def run(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A CSV file as a German spreadsheet writes it, in a new folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "kunde": [f"K-{i:04d}" for i in range(60)],
            "plz": [f"{i % 7:05d}" for i in range(60)],
            "preis": [f"{x:.2f}".replace(".", ",") for x in rng.random(60)],
            "seit": [f"{1 + i % 28:02d}.03.2024" for i in range(60)],
            "alter": [str(i % 50) if i % 9 else "-" for i in range(60)],
            "land": [["NO", "NA", "DE"][i % 3] for i in range(60)],
            "kauf": ["01", "02"] * 30,
        }
    )
    frame.to_csv("shop.csv", index=False, sep=";", encoding="latin-1")
    return frame


FIT = ("fit", "shop.csv", "--target", "kauf", "--sampler", "bootstrap", "-o", "m")


def test_rows_are_written_as_the_file_was(
    shop: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*FIT, "--drop", "kunde") == 0
    told = capsys.readouterr().err
    assert "shop.csv: columns are separated by ';'." in told
    assert re.search(r"plz +category +00000 +codes with a leading zero", told)
    assert re.search(r"seit +date %d\.%m\.%Y", told)
    assert run("sample", "m", "-n", 50, "-o", "o.csv") == 0
    made = pd.read_csv("o.csv", sep=";", dtype=str, keep_default_na=False)
    assert list(made) == ["plz", "preis", "seit", "alter", "land", "kauf"]
    known = set(map(tuple, shop[list(made)].to_numpy()))
    assert set(map(tuple, made.to_numpy())) <= known


def test_identifiers_are_left_out_by_name(
    shop: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*FIT, "--sampler", "kde") == 0
    told = " ".join(capsys.readouterr().err.split())
    assert re.search(r"kunde left out .*--category kunde keeps its values", told)
    assert "kunde" not in load_sampler("m").sample(3)[0]


def test_parameters_are_json_or_strings() -> None:
    given = ["a=1", "b=x/y", 'c={"k": [1, null]}', "d=a=b"]
    found = read_parameters("--set", given)
    assert found == {"a": 1, "b": "x/y", "c": {"k": [1, None]}, "d": "a=b"}
    assert read_parameters("--set", None) == {}


def test_options_choose_the_reading(shop: pd.DataFrame) -> None:
    words = ("--drop", "kunde", "--category", "alter", "--number", "plz", "--na-values", "NA")
    assert run(*FIT, *words, "--sep", ";", "--decimal", ",", "--encoding", "latin-1") == 0
    X, _ = load_sampler("m").sample(60)
    assert X["plz"].dtype.kind == "i"
    assert set(X["alter"]) <= set(shop["alter"])
    assert set(X["land"].dropna()) == {"NO", "DE"}
    assert X["land"].isna().any()


def test_an_audit_reads_the_file_as_it_was_fitted(shop: pd.DataFrame) -> None:
    assert run(*FIT, "--drop", "kunde", "--category", "alter") == 0
    shop.head(40).to_csv("part.csv", index=False)  # with commas, so prices are quoted
    line = ("audit", "m", "shop.csv", "--target", "kauf", "--unseen", "part.csv", "-o", "a.html")
    assert run(*line, "-n", 40) == 0
    assert Path("a.html").exists()


def test_a_date_form_after_the_name() -> None:
    found = modality_options(date=["a", "b=%d/%m/%Y"], number=["n"], drop=["x"])
    assert found == {
        "types": {"n": "number"},
        "file": {"drop": ["x"], "readings": {"a": "date", "b": "%d/%m/%Y"}},
    }
    assert modality_options() == {}


@pytest.mark.parametrize(
    "words, message",
    [
        (("--modality", "sound"), "modality='sound' is not known"),
        (("--modality", "image"), "shop.csv cannot be read as image"),
        (("--modality", "nothing:Here"), "modality 'nothing:Here' cannot be loaded"),
        (("--modality", "pathlib:Path"), "'pathlib:Path' is not a subclass of"),
        (("--sampler", "pathlib:Path"), "'pathlib:Path' is not a subclass of"),
        (("--sampler", "gann"), "sampler 'gann' is not one of flow, gan"),
        (("--drop", "Kunde"), "there is no column 'Kunde'; columns: kunde, plz"),
        (("--category", "preis", "--number", "preis"), "column 'preis' is given to several"),
        (("--category", "seit", "--date", "seit=%d.%m.%Y"), "column 'seit' is given to several"),
        (("--number", "land"), "column 'land' has 'NO', which is not a number"),
    ],
)
def test_unsuitable_options_give_one_line(
    words: tuple[str, ...],
    message: str,
    shop: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*FIT, *words) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert not Path("m").exists()


def test_images_have_no_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    write_images(tmp_path / "in")
    assert run("fit", "in", "--drop", "a", "-o", "m") == 2
    assert (
        "in holds image rows, for which there is no option drop: leave it out"
        in capsys.readouterr().err
    )


OWN = '''
from gen_augment import BootstrapSampler
from gen_augment.modalities import Table

class Tens(Table):
    """Tables in files with one number a line. The last digit of a number is its label."""

    name = "tens"
    suffixes = (".tens",)

    def read(self, path, target):
        import numpy as np
        rows = np.loadtxt(path)[:, None]
        return (rows, rows[:, 0].astype(int) % 10) if path.suffix == ".tens" else None

    def write(self, path, parts, codec):
        path.write_text("".join(f"{x[0]:g}\\n" for X, _ in parts for x in X))

class Own(BootstrapSampler):
    method = "own"
'''


def run_command(folder: Path, *arguments: str) -> Any:
    os.chdir(folder)
    try:
        main(list(arguments))
    except SystemExit as ended:
        return ended.code or 0
    return 0


def test_a_modality_and_a_sampler_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "own_forms.py").write_text(OWN)
    (tmp_path / "d.tens").write_text("".join(f"{i}\n" for i in (1, 2, 11, 12, 21, 22)))
    mine = ["--sampler", "own_forms:Own", "--modality", "own_forms:Tens"]
    fit = [sys.executable, "-m", "gen_augment", "fit", "d.tens", *mine, "-o", "m"]
    done = subprocess.run(fit, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert run_elsewhere(run_command, tmp_path, "sample", "m", *mine, "-o", "o.csv") == 0
    assert set(pd.read_csv(tmp_path / "o.csv")["x0"]) <= {1, 2, 11, 12, 21, 22}


def test_help_names_the_data_sets_and_does_not_import_torch() -> None:
    code = (
        "import sys\nfrom gen_augment.cli import main\ntry:\n    main(['fit', '--help'])\n"
        "finally:\n    print([m for m in ('torch', 'sklearn', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout.replace("\n", " ") for name in DATASETS)


def test_threads_of_commands_do_not_spin_while_they_wait() -> None:
    code = (
        "import os\nfrom gen_augment.cli import main\ntry:\n    main(['--help'])\n"
        "finally:\n    print(os.environ['OMP_WAIT_POLICY'])"
    )
    plain = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for given, expected in ({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env=plain | given,
        )
        assert done.stdout.splitlines()[-1] == expected


def test_photographs_of_several_sizes_and_files_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        folder = Path("photographs", "ab"[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + number, 30), (30 * number, 0, 0)).save(folder / f"{number}.jpg")
    fit = "fit", "photographs", "--sampler", "vae", "--steps", 2, "-o", "vae"
    assert run(*fit) == 2
    assert "--option image_size=128" in " ".join(capsys.readouterr().err.split())
    (Path("photographs") / "a" / "empty.jpg").touch()
    sized = (*fit, "--option", "image_size=[16, 24]", "--option", "latent=learned")
    assert run(*sized) == 2
    assert "--skip-unreadable" in capsys.readouterr().err
    with pytest.warns(UserWarning, match=r"1 file\(s\) cannot be read and are left out"):
        assert run(*sized, "--skip-unreadable") == 0
    assert warnings.formatwarning("x", UserWarning, "a.py", 1) == "warning: x\n"
    sampler = load_sampler("vae", device="cpu")
    assert sampler.spec_.shape == (16, 2, 3)
    (Path("photographs") / "a" / "empty.jpg").unlink()
    assert sampler.partial_fit("photographs").n_steps_ == 4  # which Python reads as PIL images
    assert run("sample", "vae", "-n", 2, "-o", "made") == 0
    for path in Path("made").rglob("*.png"):
        with Image.open(path) as image:
            assert image.size == (24, 16)
