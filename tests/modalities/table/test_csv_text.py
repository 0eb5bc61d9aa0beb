"""CSV files as strings: separators, encodings and headers."""

from pathlib import Path

import pytest

from gen_augment import InputError
from gen_augment.modalities.table.csv_text import read_text
from gen_augment.modalities.table.file_format import TableFile


def read(path: Path, data: bytes, **options: str) -> tuple[dict[str, list[str]], TableFile, str]:
    path.write_bytes(data)
    frame, file, notes = read_text(path, TableFile(**options))  # type: ignore[arg-type]
    return {name: frame[name].tolist() for name in frame}, file, "; ".join(notes)


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_the_separator_is_found(sep: str, tmp_path: Path) -> None:
    data = f'a{sep}b\n1{sep}"x{sep}y"\n2{sep}z, and\n'.replace(
        "z, and", "z" if sep == "," else "z, and"
    )
    columns, file, notes = read(tmp_path / "t.csv", data.encode())
    assert columns["a"] == ["1", "2"]
    assert columns["b"][0] == f"x{sep}y"
    assert file.sep == sep
    assert ("separated by" in notes) == (sep != ",")


def test_two_separators_have_to_be_chosen_from(tmp_path: Path) -> None:
    data = b"a;b,c\n1;2,3\n"
    with pytest.raises(InputError, match="separated by ',' or ';'"):
        read(tmp_path / "t.csv", data)
    assert read(tmp_path / "t.csv", data, sep=";")[0] == {"a": ["1"], "b,c": ["2,3"]}


@pytest.mark.parametrize(
    "encoding, found", [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"),
                        ("latin-1", "cp1252"), ("cp1252", "cp1252")]
)  # fmt: skip
def test_the_encoding_is_found(encoding: str, found: str, tmp_path: Path) -> None:
    columns, file, _ = read(tmp_path / "t.csv", "navn,y\nÅse,1\nJürgen,2\n".encode(encoding))
    assert columns["navn"] == ["Åse", "Jürgen"]
    assert file.encoding == found


def test_an_encoding_that_is_not_certain_has_to_be_named(tmp_path: Path) -> None:
    data = "имя,y\nОльга,1\n".encode("cp1251")
    with pytest.raises(InputError, match="Name it with --encoding"):
        read(tmp_path / "t.csv", data)
    assert read(tmp_path / "t.csv", data, encoding="cp1251")[0]["имя"] == ["Ольга"]


def test_a_header_that_is_repeated_is_left_out(tmp_path: Path) -> None:
    columns, _, notes = read(tmp_path / "t.csv", b"a,b\n1,2\na,b\n3,4\n")
    assert columns == {"a": ["1", "3"], "b": ["2", "4"]}
    assert "lines that repeat the header are left out: 1" in notes


def test_a_name_that_occurs_twice_is_numbered(tmp_path: Path) -> None:
    columns, _, notes = read(tmp_path / "t.csv", b"a,a,a.1,\n1,2,3,4\n")
    assert columns == {"a": ["1"], "a.2": ["2"], "a.1": ["3"], "Unnamed: 3": ["4"]}
    assert "the later 'a' is called 'a.2'" in notes


@pytest.mark.parametrize(
    "text, columns, note",
    [
        ("a,b\n1,2,\n3,4,\n", {"a": ["1", "3"], "b": ["2", "4"]}, "lines end in a separator"),
        (
            "a,b\nr,1,2\ns,3,4\n",
            {"Unnamed: 0": ["r", "s"], "a": ["1", "3"], "b": ["2", "4"]},
            "no name",
        ),
    ],
    ids=["trailing separator", "row names"],
)
def test_lines_may_differ_from_the_header(
    text: str, columns: dict[str, list[str]], note: str, tmp_path: Path
) -> None:
    found, _, notes = read(tmp_path / "t.csv", text.encode())
    assert found == columns
    assert note in notes


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,4,5,6\n", "# a file\na,b\n1,2\n"])
def test_a_line_that_is_too_long_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line [23] has [24] fields, and those before .*--sep"):
        read(tmp_path / "t.csv", text.encode())
