"""Tables from files: reports, dropped columns, errors, and files written in the same form."""

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.data.export import write_parts
from gen_augment.data.sources import load_data
from gen_augment.modalities import TableCodec, codec_from_json, codec_to_json
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.modalities.table.files import read_folder, read_table

NORDIC = (
    "zip;price;since;size;note;code\n"
    "0150;1,5;01.02.2024;3;NA;01\n"
    "9000;2,25;24.12.2023;;Å;02\n"
    "0150;-;;4;NA;01\n"
)


def load(path: Path, text: str, encoding: str = "utf-8", **how: Any) -> Any:
    path.write_bytes(text.encode(encoding))
    return load_data(path, **how)


@pytest.mark.parametrize("through_json", [False, True])
def test_a_file_comes_back_byte_for_byte(through_json: bool, tmp_path: Path) -> None:
    data = load(tmp_path / "t.csv", NORDIC, "cp1252", target="code")
    codec = data.rows.codec
    if through_json:  # as in an archive
        codec = codec_from_json(json.loads(json.dumps(codec_to_json(codec))))
    write_parts(tmp_path / "o.csv", [(codec.decode(data.rows.encoded), data.rows.y)], codec)
    assert (tmp_path / "o.csv").read_bytes() == NORDIC.encode("cp1252")


def test_how_columns_were_read_is_reported(tmp_path: Path) -> None:
    data = load(tmp_path / "t.csv", NORDIC, "cp1252", target="code")
    assert [tuple(reading[:4]) for reading in data.report] == [
        ("zip", "category", 0, "0150"),
        ("price", "number", 1, "1,5"),
        ("since", "date %d.%m.%Y", 1, "01.02.2024"),
        ("size", "whole number", 1, "3"),
        ("note", "category", 0, "NA"),
        ("code", "label", 0, "01"),
    ]
    assert data.notes == (
        "columns are separated by ';'",
        "the encoding is cp1252",
        "the decimal mark is ','",
    )


@pytest.mark.parametrize("folder", [False, True])
def test_typed_columns_are_reported_as_they_are_fitted(folder: bool, tmp_path: Path) -> None:
    columns: dict[str, tuple[str, Any]] = {
        "time": ("time of day", [datetime.time(i % 24, 30) for i in range(8)]),
        "price": ("number", [Decimal(i) / 4 for i in range(8)]),
        "took": ("duration", pd.to_timedelta(np.arange(8), "s")),
        "day": ("date", [datetime.date(2024, 1, 1 + i) for i in range(8)]),
        "quarter": ("period", pd.period_range("2020", periods=8, freq="Q")),
        "paid": ("true or false", [True, False] * 4),
        "kind": ("category", pd.Categorical(list("abcdabcd"))),
    }
    frame = pd.DataFrame({name: values for name, (_, values) in columns.items()})
    path = tmp_path / ("t" if folder else "t.parquet")
    if folder:
        path.mkdir()
    frame.assign(y=[0, 1] * 4).to_parquet(path / "0.parquet" if folder else path)
    read = read_folder if folder else read_table
    report = {column: reading for column, reading, *_ in read(path, "y", {}, TableFile())[3]}
    assert report == {name: word for name, (word, _) in columns.items()} | {"y": "label"}


def test_another_file_is_read_in_the_same_way(tmp_path: Path) -> None:
    first = load(tmp_path / "t.csv", NORDIC, target="code")
    other = "zip,price,since,size,note,code\n1,2,,5,x,02\n"
    assert load(tmp_path / "u.csv", other, target="code").rows.X["zip"].dtype == np.int64
    modality = first.rows.codec.modality
    second = load(tmp_path / "u.csv", other, target="code", modality=modality)
    assert second.rows.X.dtypes["since"].kind == "M"
    assert second.rows.X["zip"].tolist() == ["1"]
    first.rows.codec.encode(second.rows.X)


def options(**file: Any) -> dict[str, Any]:
    return {"file": file}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_are_dropped_and_chosen(suffix: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": range(4), "zip": [1010, 5003] * 2, "day": ["01/02/2024"] * 4})
    frame["y"] = [0, 1] * 2
    path = tmp_path / f"t{suffix}"
    _ = frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    chosen = {
        "types": {"zip": "category"},
        "file": {"drop": ["id"], "readings": {"day": "%d/%m/%Y"}},
    }
    rows = load_data(path, target="y", options=chosen).rows
    assert list(rows.X) == ["zip", "day"]
    assert rows.X["day"].tolist() == [pd.Timestamp("2024-02-01")] * 4
    assert rows.codec.blocks == (2,)
    assert isinstance(rows.codec, TableCodec)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("drop", [[], ["a"]])
def test_a_file_of_labels_alone_is_refused(suffix: str, drop: list[str], tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": ["p", "q"] * 3, **dict.fromkeys(drop, 1)})
    path = tmp_path / f"t{suffix}"
    _ = frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    with pytest.raises(InputError, match="no column is left besides the labels, 'y'"):
        load_data(path, target="y", options={"file": {"drop": drop}})


def test_words_for_missing_values(tmp_path: Path) -> None:
    text = "country,age,y\nNA,1,a\nNO,-9,b\n,3,b\n"
    rows = load(tmp_path / "t.csv", text, target="y", options=options(na_values=["NA", "-9"])).rows
    assert rows.X["country"].isna().tolist() == [True, False, True]
    assert rows.X["age"].isna().tolist() == [False, True, False]


def test_flags_and_labels_are_flags_in_another_file(tmp_path: Path) -> None:
    text = "paid,n,churn\nTrue,1,False\nFalse,2,True\n"
    first = load(tmp_path / "t.csv", text, target="churn")
    modality = first.rows.codec.modality
    again = load(tmp_path / "u.csv", text, target="churn", modality=modality)
    pd.testing.assert_frame_equal(again.rows.X, first.rows.X)
    assert again.rows.y.tolist() == first.rows.y.tolist() == [False, True]
    with pytest.raises(InputError, match="column 'paid' has 'yes', which is not True or False"):
        load(tmp_path / "v.csv", text.replace("True,1", "yes,1"), target="churn", modality=modality)


def test_options_are_for_tables_in_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'wine' is no file"):
        load_data("wine", options=options(drop=["hue"]))


def test_free_text_is_an_error_with_ways_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(40), "y": [0, 1] * 20})
    frame["notes"] = [f"Customer {i} asked for a later delivery." for i in range(40)]
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(
        InputError, match=r"'notes' holds free text.*--drop notes.*--category notes"
    ):
        load_data(tmp_path / "t.csv", target="y")
    dropped = load_data(tmp_path / "t.csv", target="y", options=options(drop=["notes"]))
    assert list(dropped.rows.X) == ["a"]
    kept = {"types": {"notes": "category"}}
    assert "notes" in load_data(tmp_path / "t.csv", target="y", options=kept).rows.X


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_identifiers_are_left_out_and_reported(suffix: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": range(1, 41), "mail": [f"u{i}@x.no" for i in range(40)]})
    frame["age"], frame["y"] = np.arange(40) % 7, [0, 1] * 20
    path = tmp_path / f"t{suffix}"
    _ = frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    loaded = load_data(path, target="y")
    whys = {reading.column: reading.why for reading in loaded.report}
    assert "--drop n " in whys["n"]
    assert "--category mail " in whys["mail"]
    assert whys["age"] == whys["y"] == ""
    assert list(loaded.rows.X) == ["n", "age"]
    # The options that a sampler keeps read other files alike, with and without the column.
    again = load_data(path, target="y", modality=loaded.rows.modality)
    assert list(again.rows.X) == ["n", "age"]
    frame = frame.drop(columns="mail")
    _ = frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    assert list(load_data(path, target="y", modality=loaded.rows.modality).rows.X) == ["n", "age"]


def test_identifiers_are_kept_as_categories_and_not_alone(tmp_path: Path) -> None:
    frame = pd.DataFrame({"mail": [f"u{i}@x.no" for i in range(40)], "y": [0, 1] * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=r"'mail'\], all hold identifiers.*--category mail"):
        load_data(tmp_path / "t.csv", target="y")
    kept = {"types": {"mail": "category"}}
    assert list(load_data(tmp_path / "t.csv", target="y", options=kept).rows.X) == ["mail"]


def test_labels_may_be_declared_categories(tmp_path: Path) -> None:
    moods = ["-1", "0", "1"] * 5
    pd.DataFrame({"a": range(15), "mood": moods}).to_csv(tmp_path / "t.csv", index=False)
    declared = load_data(tmp_path / "t.csv", target="mood", options={"types": {"mood": "category"}})
    assert declared.rows.y.tolist() == moods
    assert declared.rows.encoded.shape == (15, 1)


@pytest.mark.parametrize(
    "labels",
    [["2024-01-02", "2024-01-03"], ["1e3", "2e3"], ["-1", "1.0"], ["2.", "1.00"], ["-0", "1"]],
    ids=str,
)
def test_labels_are_kept_as_written(labels: list[str], tmp_path: Path) -> None:
    pd.DataFrame({"a": range(10), "y": labels * 5}).to_csv(tmp_path / "t.csv", index=False)
    loaded = load_data(tmp_path / "t.csv", target="y")
    assert loaded.rows.y.tolist() == labels * 5
    assert "kept as written" in loaded.report[-1].why


def test_equal_numbers_are_one_label(tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"3,{label}\n" for label in ["1", "1.0", "2.0", "2"])
    rows = load(tmp_path / "t.csv", text, target="y").rows
    assert rows.y.tolist() == [1.0, 1.0, 2.0, 2.0]
    for label in ("NA", ""):
        with pytest.raises(InputError, match="1 rows have no 'y'"):
            load(tmp_path / "t.csv", f"a,y\n3,1e3\n3,2e3\n3,{label}\n", target="y")
