"""Texts from files and folders, and back; the command line."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from gen_augment import AEDASampler, InputError, load_sampler
from gen_augment.cli import main
from gen_augment.data.sources import load_data
from gen_augment.modalities import Text
from tests.modalities.text.test_modality import X, Y

ODD = ['say "no", now', "two\nlines", " blank ends ", "é 👍", "", "carriage\rreturn", "مرحبا"]


def frame() -> pd.DataFrame:
    return pd.DataFrame({"id": range(len(X)), "query": [*ODD, *X[len(ODD) :]], "intent": Y})


def write(path: Path) -> Path:
    if path.suffix in (".csv", ".tsv"):
        sep = "," if path.suffix == ".csv" else "\t"
        frame().to_csv(path, index=False, sep=sep, quoting=csv.QUOTE_NONNUMERIC)
    elif path.suffix == ".parquet":
        frame().to_parquet(path)
    else:
        frame().to_json(path, orient="records", lines=True)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_files_are_read_exactly(suffix: str, tmp_path: Path) -> None:
    loaded = load_data(write(tmp_path / f"a{suffix}"), target="intent", options={"column": "query"})
    assert loaded.rows.modality.name == "text"
    assert loaded.rows.X.tolist() == frame()["query"].tolist()
    assert loaded.rows.y.tolist() == Y


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_rows_are_written_as_they_were_read(suffix: str, tmp_path: Path) -> None:
    rows = load_data(write(tmp_path / "a.csv"), target="intent", options={"column": "query"}).rows
    path = tmp_path / f"b{suffix}"
    rows.modality.write(
        path, iter([(rows.X[:40], rows.y[:40]), (rows.X[40:], rows.y[40:])]), rows.codec
    )
    again = load_data(path, target="intent", options={"column": "query"}).rows
    assert again.X.tolist() == rows.X.tolist()
    assert again.y.tolist() == rows.y.tolist()


def test_separator_encoding_and_whole_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text;y\nça va;1\nà bientôt;0\n".encode("cp1252"))
    loaded = load_data(path, target="y", options={"column": "text"})
    assert loaded.rows.X.tolist() == ["ça va", "à bientôt"]
    assert loaded.rows.y.tolist() == [1, 0]
    assert "cp1252" in " ".join(loaded.notes)


@pytest.mark.parametrize("how", ["fit", "load"])
def test_folders_of_texts(how: str, tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(3):
            (tmp_path / label / f"{i}.txt").write_text(f"text {i} of {label}\n", encoding="utf-8")
    if how == "load":
        rows = load_data(tmp_path).rows
        assert [f"text {i} of {label}\n" for label in "ab" for i in range(3)] == rows.X
    else:
        made = AEDASampler(random_state=0).fit(tmp_path)
        assert made.sample(y={"b": 1})[1] == ["b"]
    (tmp_path / "a" / "0.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match=r"0.txt cannot be read as UTF-8"):
        Text().read(tmp_path, None)


@pytest.mark.parametrize(
    ("column", "target", "message"),
    [
        ("nope", "intent", "there is no column 'nope'; columns: id, query, intent"),
        (None, "intent", r"name the column of texts, with --text or modality=Text\(column=...\);"),
        ("query", None, "name the column of labels, with --target or as y; columns"),
        ("query", "query", "cannot be the texts and the labels at once"),
    ],
)
def test_columns_must_be_there(column: str, target: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        Text(column).read(write(tmp_path / "a.csv"), target)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"query": "a"\n')
    (tmp_path / "b.jsonl").write_text("3\n")
    (tmp_path / "e.jsonl").write_text('{"query": "a", "intent": "x"}\n{"intent": "x"}\n')
    (tmp_path / "c.csv").write_text("query,intent\na,x\nb,\n")
    (tmp_path / "d.txt").write_text("a")
    for name, message in {
        "a.jsonl": "line 1 is no JSON",
        "e.jsonl": "1 of 2 rows have no 'query', the first is row 2",
        "b.jsonl": "line 1 is not a JSON object",
        "c.csv": "1 of 2 rows have no 'intent', the first is row 2",
        "d.txt": "texts are in a file of .csv",
    }.items():
        with pytest.raises(InputError, match=message):
            Text("query").read(tmp_path / name, "intent")


def test_free_text_names_the_option(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"query": [f"{text} and {i} more" for i, text in enumerate(X)], "intent": Y}
    )
    rows.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="--text query"):
        load_data(tmp_path / "a.csv", target="intent")


def run(*words: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 0


def test_command_line(tmp_path: Path) -> None:
    data, model = write(tmp_path / "a.csv"), tmp_path / "m.safetensors"
    how = ("--text", "query", "--target", "intent")
    run("fit", data, *how, "--sampler", "eda", "-o", model)
    assert load_sampler(model).codec_.modality == Text("query", {"sep": ",", "encoding": "utf-8"})
    run("sample", model, "-n", 4, "--label", "order", "-o", tmp_path / "b.jsonl")
    made = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert [row["intent"] for row in made] == ["order"] * 4
    assert all(row["query"] for row in made)
    run("bank", model, "-n", 9, "-o", tmp_path / "bank")
    run("audit", model, data, *how, "-n", 30, "-o", tmp_path / "page.html")
    run("study", data, *how, "--seeds", 1, "--arms", "real,eda", "-o", tmp_path / "s.html")
    assert "real row nearest to it" in (tmp_path / "s.html").read_text()


@pytest.mark.parametrize("label", [["card", "lost"], {"card": 1}], ids=str)
def test_a_row_has_one_label(label: object, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": "what is the rate", "label": "rate"}, {"text": "i lost it", "label": label}]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=r"a\.jsonl: row 2 has .*card.* as 'label': a row has one"):
        load_data(path, target="label", options={"column": "text"})


def test_odd_encodings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mark at the start of JSON Lines, typographic quotes of Windows, and an unknown name."""
    frame().to_json(path := tmp_path / "a.jsonl", orient="records", lines=True)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    loaded = load_data(path, target="intent", options={"column": "query"})
    assert loaded.rows.X.tolist() == frame()["query"].tolist()
    path = tmp_path / "b.csv"
    path.write_bytes("query,intent\n“where…” is it,a\n,a\nwhat ™,b\n•,b\n".encode("cp1252"))
    loaded = load_data(path, target="intent", options={"column": "query"})
    assert loaded.rows.X.tolist() == ["“where…” is it", "", "what ™", "•"]
    assert "1 of 4 texts are empty, the first in row 2" in loaded.notes
    command = ["fit", str(path), "--text", "query", "--target", "intent", "--encoding", "nosuch"]
    with pytest.raises(SystemExit):
        main([*command, "-o", str(tmp_path / "m.safetensors")])
    assert "encoding='nosuch' is not known" in capsys.readouterr().err
