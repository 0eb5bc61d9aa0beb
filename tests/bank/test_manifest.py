"""Damaged banks raise an `ArchiveError`, and `verify` finds any changed byte."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import ArchiveError, SampleBank
from gen_augment.types import JSON
from tests.bank.toys import Tell, everything, files_of
from tests.test_archive import JSON_VALUES, places

COUNTS = {"a": 40, "b": 25, "c": 35}


def sign(record: JSON) -> bytes:
    """A manifest with a checksum that fits."""
    text = json.dumps(
        {key: value for key, value in record.items() if key != "checksum"}, sort_keys=True
    )
    return json.dumps(
        record | {"checksum": hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}
    ).encode()


def read(path: Path) -> JSON:
    record: JSON = json.loads(path.read_bytes())
    return record


@pytest.fixture
def bank(small_blocks: int, tmp_path: Path) -> SampleBank:
    return SampleBank.build(Tell(), COUNTS, tmp_path / "bank")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank that is not changed."""
    return SampleBank.build(Tell(), COUNTS, tmp_path_factory.mktemp("whole") / "bank").path


def test_the_manifest_has_the_documented_format(bank: SampleBank) -> None:
    record = read(bank.path / "manifest.json")
    (bank.path / "manifest.json").write_bytes(sign(record))
    assert SampleBank(bank.path).counts == COUNTS


# Rows.


# Manifests.

GARBAGE = {
    "empty": b"",
    "cut": b'{"format": 1, "coun',
    "binary": bytes(range(256)),
    "list": b"[1, 2]",
    "number": b"3",
    "null": b"null",
    "no keys": b"{}",
    "deep": b"[" * 100_000,
    "deep inside": b'{"checksum": "", "format": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "long number": b'{"checksum": "", "format": ' + b"1" * 5000 + b"}",
    "huge": b'{"checksum": "", "format": 1, "counts": [' + b"1," * 1_000_000 + b"1]}",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("name", ["manifest.json", "plan.json"])
def test_garbage_is_an_error(name: str, data: bytes, bank: SampleBank) -> None:
    (bank.path / "manifest.json").unlink()
    (bank.path / name).write_bytes(data)
    before = files_of(bank.path)
    for use in (lambda: SampleBank(bank.path), lambda: SampleBank.build(Tell(), COUNTS, bank.path)):
        with pytest.raises(
            ArchiveError, match=f"{name} (is not a readable manifest|has bank format|is damaged)"
        ):
            use()
    assert files_of(bank.path) == before


def test_any_edit_breaks_the_checksum(bank: SampleBank) -> None:
    data = (bank.path / "manifest.json").read_bytes()
    for place in np.random.default_rng(0).integers(0, len(data), 200):
        edited = bytearray(data)
        edited[place] ^= 1
        (bank.path / "manifest.json").write_bytes(edited)
        with pytest.raises(ArchiveError):
            SampleBank(bank.path)


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_another_format_is_an_error(version: Any, bank: SampleBank) -> None:
    (bank.path / "manifest.json").write_bytes(
        sign(read(bank.path / "manifest.json") | {"format": version})
    )
    with pytest.raises(
        ArchiveError, match=r"has bank format .*; this version of gen_augment reads 1"
    ):
        SampleBank(bank.path)


@pytest.mark.parametrize(
    "key", ["generator", "codec", "labels", "counts", "filters", "max_draws", "digests"]
)
def test_missing_and_unknown_keys_are_an_error(key: str, bank: SampleBank) -> None:
    record = read(bank.path / "manifest.json")
    record["extra"] = record.pop(key)
    (bank.path / "manifest.json").write_bytes(sign(record))
    with pytest.raises(ArchiveError, match=rf"missing \['{key}'\], unknown \['extra'\]"):
        SampleBank(bank.path)


WRONG: list[tuple[str, Any]] = [
    ("counts", None), ("counts", 100), ("counts", []), ("counts", [40, 25]), ("counts", [40.0, 25, 35]),
    ("counts", [100, 25, -25]), ("counts", [0, 0, 0]), ("counts", [True, 25, 35]), ("counts", [10**30, 25, 35]),
    ("counts", [40, 25, 36]), ("counts", [2**63, 2**63, 2**63]), ("counts", "abc"), ("counts", {"a": 40}),
    ("digests", None), ("digests", []), ("digests", ["0"] * 6), ("digests", ["0"] * 8), ("digests", [0] * 7),
    ("filters", None), ("filters", [3]), ("filters", ["a"]), ("max_draws", "many"), ("max_draws", None),
    ("generator", None), ("generator", {}), ("generator", {"name": 1, "fingerprint": "", "seed": 0}),
    ("generator", {"name": "", "fingerprint": "", "seed": "0"}), ("codec", None), ("codec", {}), ("codec", []),
    ("codec", {"kind": "video"}), ("codec", {"kind": "table"}), ("labels", None), ("labels", {}),
    ("labels", {"classes": [1]}), ("labels", "abc"),
]  # fmt: skip


@pytest.mark.parametrize("key, value", WRONG, ids=str)
def test_impossible_values_are_an_error(key: str, value: Any, bank: SampleBank) -> None:
    (bank.path / "manifest.json").write_bytes(
        sign(read(bank.path / "manifest.json") | {key: value})
    )
    with pytest.raises(ArchiveError, match=r"is inconsistent|rows.bin has 2400 bytes"):
        SampleBank(bank.path)


def changed(whole: Path, target: Path, name: str, change: Callable[[JSON], None]) -> Path:
    """Copy a bank or a plan, and change its signed record."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    shutil.copy(whole / "rows.bin", target / "rows.bin")
    record = read(whole / "manifest.json")
    if name == "plan.json":
        record["digests"] = []
    change(record)
    (target / name).write_bytes(sign(record))
    return target


@given(st.data())
def test_a_signed_manifest_raises_only_archive_errors(
    tmp_path_factory: pytest.TempPathFactory, whole: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["manifest.json", "plan.json"]))
    value = data.draw(JSON_VALUES)

    def change(record: JSON) -> None:
        *path, key = data.draw(st.sampled_from(list(places(record))[1:]))
        inner: Any = record
        for step in path:
            inner = inner[step]
        inner[key] = value

    path = changed(whole, tmp_path_factory.getbasetemp() / "any-change", name, change)
    try:
        bank = SampleBank(path)
        assert name == "manifest.json"
        bank.rows(everything(bank))
        bank.labels(everything(bank))
        bank.verify()
    except ArchiveError as error:
        assert str(error)  # noqa: PT017 - it may also be whole


def test_a_plan_is_not_a_manifest(whole: Path, tmp_path: Path) -> None:
    path = changed(whole, tmp_path / "b", "plan.json", lambda record: None)
    with pytest.raises(ArchiveError, match="unfinished bank: 0 of 1 blocks"):
        SampleBank(path)
    (path / "plan.json").rename(path / "manifest.json")
    with pytest.raises(ArchiveError, match="0 digests instead of 1"):
        SampleBank(path)


def test_a_plan_with_a_damaged_codec_is_an_error(whole: Path, tmp_path: Path) -> None:
    for codec in (None, [], {"kind": [1]}, {"kind": "image"}):
        path = changed(
            whole,
            tmp_path / "b",
            "plan.json",
            lambda record, codec=codec: record.update(codec=codec),
        )
        with pytest.raises(ArchiveError, match="is inconsistent"):
            SampleBank(path)


def test_a_plan_with_too_many_rows_is_an_error(whole: Path, tmp_path: Path) -> None:
    for counts in ([10**15, 0, 0], [10**30, 0, 0]):
        path = changed(
            whole,
            tmp_path / "b",
            "plan.json",
            lambda record, counts=counts: record.update(counts=counts),
        )
        with pytest.raises(ArchiveError, match="is inconsistent: counts"):
            SampleBank(path)


@pytest.mark.parametrize("place", ["missing", "", "file"])
def test_a_path_without_a_bank_is_an_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match=r"manifest.json is not a readable manifest of a bank"):
        SampleBank(tmp_path / place)
