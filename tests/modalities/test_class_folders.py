"""Files in one folder for each class."""

from pathlib import Path

import pytest

from gen_augment import InputError
from gen_augment.modalities.class_folders import listed, write_class_folders


def save(path: Path, row: str) -> None:
    path.write_text(row)


def test_files_are_numbered_through_all_parts_and_classes(tmp_path: Path) -> None:
    parts = [(["a", "b"], ["x", "y"]), (["c"], ["x"])]
    write_class_folders(tmp_path / "out", parts, ".txt", save)
    found = {str(p.relative_to(tmp_path / "out")): p.read_text() for p in tmp_path.rglob("*.txt")}
    assert found == {"x/000000.txt": "a", "y/000001.txt": "b", "x/000002.txt": "c"}


@pytest.mark.parametrize("label", ["", ".", "..", "a/b", "a\\b", "a\0b"])
def test_no_label_leads_out_of_the_folder(tmp_path: Path, label: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a folder"):
        write_class_folders(tmp_path, [(["a"], [label])], ".txt", save)
    assert not list(tmp_path.iterdir())


def test_ten_errors_are_listed() -> None:
    assert listed(["one", "two"]) == "  one\n  two"
    assert listed([str(i) for i in range(12)]).splitlines()[-2:] == ["  9", "  and 2 more"]
