"""Files of series against aeon's reader, and damaged files."""

from pathlib import Path

import numpy as np
import pytest

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities.series.files import as_arrays, read_file, write_file

HEADER = "@problemName a\n@timeStamps false\n@classLabel true 0 1\n@data\n"


@pytest.mark.parametrize("suffix", [".ts", ".npz"])
@pytest.mark.parametrize("lengths", [(4, 4, 4), (1, 5, 3)], ids=str)
@pytest.mark.parametrize("shape, dtype", [((2,), float), ((), float), ((1,), bool), ((), int)])
def test_written_files_are_read_back(
    suffix: str, lengths: tuple[int, ...], shape: tuple[int, ...], dtype: type, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rows = as_arrays([rng.normal(size=(*shape, n)).astype(dtype) for n in lengths])
    path = tmp_path / f"rows{suffix}"
    write_file(path, iter([(rows[:2], ["a", "b"]), (rows[2:], ["a"])]))
    X, y = read_file(path)
    assert y.tolist() == ["a", "b", "a"]
    assert isinstance(X, list) == (len(set(lengths)) > 1)
    for found, row in zip(X, rows, strict=True):
        if suffix == ".ts":  # floats with an axis of channels
            row = np.atleast_2d(row).astype(float)
        assert (found.shape, found.dtype) == (row.shape, row.dtype)
        np.testing.assert_array_equal(found, row)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_aeon_reads_what_was_written_and_the_other_way_round(tmp_path: Path) -> None:
    datasets = pytest.importorskip("aeon.datasets")
    folder = Path(datasets.__file__).parent / "data"
    for name in ("ItalyPowerDemand", "JapaneseVowels"):
        source = folder / name / f"{name}_TRAIN.ts"
        theirs, labels = datasets.load_from_ts_file(str(source))
        X, y = read_file(source)
        assert y.tolist() == labels.tolist()
        assert all(np.array_equal(a, b) for a, b in zip(X, theirs, strict=True))
        write_file(tmp_path / f"{name}.ts", iter([(list(X), y)]))
        again, labels = datasets.load_from_ts_file(str(tmp_path / f"{name}.ts"))
        assert y.tolist() == labels.tolist()
        assert all(np.array_equal(a, b) for a, b in zip(X, again, strict=True))


BAD = {
    "no header": ("1.0,2.0:0\n", "no line @data"),
    "no labels": ("@classLabel false\n@data\n1.0\n", "no class labels"),
    "time stamps": (HEADER.replace("false", "true") + "1.0:0\n", "time stamps"),
    "no rows": (HEADER, "no series"),
    "a word": (HEADER + "1.0,2.0:0\n1.0,x:0\n", "line 6: could not convert"),
    "no colon": (HEADER + "1.0\n", "line 5: no label"),
    "empty label": (HEADER + "1.0:0\n2.0: \n", "line 6: no label"),
    "ragged": (HEADER + "1.0,2.0:1.0:0\n", "line 5"),
}


@pytest.mark.parametrize("text, message", BAD.values(), ids=BAD)
def test_damaged_files_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.ts"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_file(path)


def test_a_byte_order_mark_and_tabs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.ts"
    text = HEADER.replace(" ", "\t") + "1.0,2.0:0\n3.0,4.0:1\n"
    path.write_text(text, encoding="utf-8-sig")
    assert read_file(path)[1].tolist() == ["0", "1"]


def test_binary_files_and_other_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.ts"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        read_file(path)
    path = tmp_path / "rows.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"cannot be read as a \.npz"):
        read_file(path)
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(InputError, match=r"cannot be read as a \.npz"):
        read_file(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(InputError, match="needs X and y"):
        read_file(path)
    for arrays, message in {
        ((3, 4), 2, None): "3 series and 2 labels",
        ((3,), 3, None): "X of shape",
        ((3, 4), 3, (4, 4)): "lengths of shape",
        ((3, 4), 3, (4, 5, 4)): "a whole number from 1 to 4",
        ((3, 4), 3, (4.0, 3.0, 4.0)): "dtype float64: give a whole number",
        ((3, 4), 3, (4.0, np.nan, 4.0)): "dtype float64: give a whole number",
        ((3, 4), 3, (4j, 4j, 4j)): "dtype complex128: give a whole number",
        ((3, 4), 3, ("4", "3", "4")): "dtype <U1: give a whole number",
        ((3, 4), 3, (True, True, True)): "dtype bool: give a whole number",
    }.items():
        shape, n, lengths = arrays
        more = {} if lengths is None else {"lengths": np.array(lengths)}
        np.savez(path, X=np.zeros(shape), y=np.arange(n), **more)
        with pytest.raises(InputError, match=message):
            read_file(path)


def test_a_file_is_given_as_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.ts"
    write_file(path, iter([([np.ones((1, 3)), np.zeros((1, 3))], ["a", "b"])]))
    rows = Rows.read(path)
    assert rows.modality.name == "series"
    assert list(rows.y) == ["a", "b"]
    path.write_text(HEADER + "1.0,x:0\n")
    with pytest.raises(InputError, match="line 5: could not convert"):
        Rows.read(str(path))


@pytest.mark.parametrize("label", ["a b", "a:b", "a,b", ""])
def test_labels_that_would_break_a_file_are_refused(label: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be in a \\.ts file"):
        write_file(tmp_path / "rows.ts", iter([([np.zeros((1, 2))], [label])]))
