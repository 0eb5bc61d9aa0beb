"""Options for reading a table from a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from gen_augment import InputError
from gen_augment.data.sources import load_data
from gen_augment.modalities import Table


def load(path: Path, text: str, encoding: str = "utf-8", **how: Any) -> Any:
    path.write_bytes(text.encode(encoding))
    return load_data(path, **how)


def options(**file: Any) -> dict[str, Any]:
    return {"file": file}


@pytest.mark.parametrize(
    "chosen, message",
    [
        (options(drop=["b"]), "there is no column 'b'; columns: a, y"),
        (options(drop=["y"]), "'y' holds the labels"),
        ({"types": {"b": "category"}}, "there is no column 'b'"),
        ({"types": {"a": "number"}}, r"t\.csv: column 'a' has 'x', which is not a number"),
        (options(depth="3"), "file option 'depth' is not one of"),
        (options(sep=3), "file option sep=3"),
        (options(decimal="abc"), "decimal='abc' is no decimal mark"),
    ],
)
def test_unusable_options_are_named(chosen: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path / "t.csv", "a,y\nx,1\n", target="y", options=chosen)


def test_options_come_back_from_json() -> None:
    made = Table({"zip": "category"}, {"sep": ";", "drop": ["id"]})
    again = Table(**json.loads(json.dumps(made.options())))
    assert again == made
    assert again != Table({"zip": "category"})
