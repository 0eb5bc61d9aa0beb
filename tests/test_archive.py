"""Archives are written completely or not at all, and a bad file raises an `ArchiveError`."""

import copy
import errno
import json
import math
import os
import pickle
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from gen_augment import (
    ArchiveError,
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    archive,
    load_sampler,
)
from gen_augment.training import Callback
from gen_augment.types import JSON
from tests.conftest import toy_images, toy_table

TENSORS = {
    "a": torch.arange(6, dtype=torch.int32).reshape(2, 3),
    "half": torch.tensor([1.5, -0.0], dtype=torch.bfloat16),
    "empty": torch.empty(0, 4),
    "number": torch.tensor(True),
    "strided": torch.arange(12.0).reshape(3, 4).T,
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same(a: Any, b: Any) -> bool:
    """Return whether JSON values are equal; NaN equals NaN."""
    return json.dumps(a) == json.dumps(b)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved VAE of a small table."""
    path = tmp_path_factory.mktemp("saved") / "vae.safetensors"
    model = ConditionalVAE(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=0, device="cpu"
    )
    model.fit(*toy_table(20)).save(path)
    return path


def load(path: Path) -> ConditionalVAE:
    return ConditionalVAE.load(path, device="cpu")


def altered(
    saved: Path, target: Path, change: Callable[[JSON, dict[str, torch.Tensor]], None]
) -> Path:
    header, tensors = archive.read(saved)
    change(header, tensors)
    return archive.write(target, header, tensors)


# What is written comes back.


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda key: key != "format"), JSON_VALUES, max_size=4
    )
)
def test_any_json_is_restored(tmp_path_factory: pytest.TempPathFactory, header: JSON) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    archive.write(path, header, {})
    found, tensors = archive.read(path)
    assert same(found, {"format": archive.FORMAT, **header})
    assert tensors == {}


def test_tensors_are_restored(tmp_path: Path) -> None:
    path = archive.write(str(tmp_path / "t"), {}, TENSORS)
    _, tensors = archive.read(path)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert files_in(tmp_path) == ["t"]


def test_tensors_outlive_the_file(tmp_path: Path) -> None:
    path = archive.write(tmp_path / "t", {}, TENSORS)
    _, tensors = archive.read(path)
    archive.write(path, {}, {"a": torch.full((2, 3), 9)})
    path.unlink()
    assert torch.equal(tensors["a"], TENSORS["a"])


def test_an_archive_is_an_ordinary_file(tmp_path: Path) -> None:
    path = archive.write(tmp_path / "t", {}, {})
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("sampler", ["image_sampler", "table_sampler"])
def test_a_loaded_sampler_equals_the_saved_one(
    sampler: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = request.getfixturevalue(sampler)
    model.save(tmp_path / "m")
    again = load_sampler(tmp_path / "m", device="cpu")
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    assert (again.seed_, again.n_steps_, again.history_) == (
        model.seed_,
        model.n_steps_,
        model.history_,
    )
    np.testing.assert_array_equal(again.class_prior_, model.class_prior_)
    index = np.arange(20)
    np.testing.assert_array_equal(
        again.generate(index, index % 2), model.generate(index, index % 2)
    )


def test_a_loaded_gan_with_spectral_norm_equals_the_saved_one(tmp_path: Path) -> None:
    model = ConditionalGAN(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=0, device="cpu"
    )
    model.fit(*toy_images(20)).save(tmp_path / "m")
    again = ConditionalGAN.load(tmp_path / "m", device="cpu")
    np.testing.assert_array_equal(again.generate([0, 1, 2], 1), model.generate([0, 1, 2], 1))


def test_parameters_that_json_cannot_hold_are_resolved(tmp_path: Path) -> None:
    params = {
        "random_state": np.random.RandomState(0),
        "beta": np.float32(0.5),
        "callbacks": [Callback()],
    }
    model = ConditionalVAE(max_steps=1, batch_size=8, width=2, latent_dim=2, device="cpu", **params)
    model.fit(*toy_table(20)).save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.get_params() == model.get_params() | {"random_state": None, "callbacks": None}
    np.testing.assert_array_equal(again.sample(5)[0], model.sample(5)[0])


def test_loading_leaves_the_random_state_alone(saved: Path) -> None:
    before = torch.get_rng_state()
    load(saved)
    assert torch.equal(torch.get_rng_state(), before)


# Damaged files.


def test_cut_short_anywhere_is_an_archive_error(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    cuts = np.unique(
        [0, 1, 7, 8, 9, len(whole) - 1, *np.random.default_rng(0).integers(0, len(whole), 200)]
    )
    for cut in cuts:
        (tmp_path / "cut").write_bytes(whole[:cut])
        with pytest.raises(ArchiveError, match=r"cut is not a readable archive, or is cut short"):
            load(tmp_path / "cut")


def test_too_long_is_an_archive_error(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(saved.read_bytes() + b"\0")
    with pytest.raises(ArchiveError, match="not a readable archive"):
        load(tmp_path / "long")


@given(st.binary(max_size=300))
def test_random_bytes_are_an_archive_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="random is not a readable archive"):
        archive.read(path)


def safetensors_bytes(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 8 + b"{}",  # a header of 2**64 bytes
        safetensors_bytes(b"[]"),
        safetensors_bytes(b"\xff\xfe"),
        safetensors_bytes(b'{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}', b"12"),
        safetensors_bytes(b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}', b"1234"),
        safetensors_bytes(
            b'{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}', b"1234"
        ),
        safetensors_bytes(
            b'{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,4]}}', b"1234"
        ),
        safetensors_bytes(b'{"__metadata__":{"gen_augment":"{"}}'),
        safetensors_bytes(b'{"__metadata__":{"gen_augment":"[1]"}}'),
        safetensors_bytes(b'{"__metadata__":{"gen_augment":"' + b"[" * 100_000 + b'"}}'),
        safetensors_bytes(b'{"__metadata__":{"gen_augment":"' + b"1" * 5000 + b'"}}'),
    ],
    ids=range(11),
)
def test_malformed_headers_are_an_archive_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ArchiveError):
        load(tmp_path / "m")


def test_a_changed_bit_is_an_archive_error(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    header_end = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    for end in (header_end, len(whole)) * 100:
        damaged = bytearray(whole)
        place = rng.integers(end)
        damaged[place] ^= 1 << rng.integers(8)
        (tmp_path / "d").write_bytes(damaged)
        if place < header_end and damaged[8:header_end].split() == whole[8:header_end].split():
            continue  # white space between values
        with pytest.raises(ArchiveError):
            load(tmp_path / "d")


# Files of something else.


@pytest.mark.parametrize("make", ["missing", "directory", "link to nothing"])
def test_a_missing_file_is_named(make: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    if make == "directory":
        path.mkdir()
    elif make == "link to nothing":
        path.symlink_to(tmp_path / "nothing")
    for read in (load, load_sampler, archive.read):
        with pytest.raises(ArchiveError, match="m is not a file"):
            read(path)


class Payload:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    torch.save({"weight": torch.zeros(2)}, tmp_path / "t")
    for name in ("m", "t"):
        with pytest.raises(ArchiveError, match="not a readable archive"):
            load_sampler(tmp_path / name)
    assert files_in(tmp_path) == ["m", "t"]
    pickle.loads((tmp_path / "m").read_bytes())
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_foreign_safetensors_file_is_named(metadata: Any, tmp_path: Path) -> None:
    save_file(TENSORS | {"strided": torch.zeros(1)}, tmp_path / "m", metadata=metadata)
    with pytest.raises(
        ArchiveError, match="m is a safetensors file that gen_augment has not written"
    ):
        load(tmp_path / "m")


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_another_format_version_is_named(version: Any, saved: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path / "m", lambda header, _: header.update(format=version))
    with pytest.raises(
        ArchiveError, match=r"has archive format .*; this version of gen_augment reads format 1"
    ):
        load(path)


def test_another_class_is_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="holds a ConditionalVAE, not a ConditionalGAN"):
        ConditionalGAN.load(saved)
    path = altered(saved, tmp_path / "m", lambda header, _: header.update({"class": "Diffusion"}))
    with pytest.raises(
        ArchiveError,
        match=r"holds a 'Diffusion', which is not registered \(known: ConditionalFlow, Cond",
    ):
        load_sampler(path)


# Headers that do not fit.

KEYS = ["params", "codec", "labels", "class_count", "seed", "history", "n_steps"]


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_named(key: str, saved: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path / "m", lambda header, _: header.pop(key))
    with pytest.raises(ArchiveError, match=rf"missing \['{key}'\]"):
        load(path)


def test_an_unknown_key_is_named(saved: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path / "m", lambda header, _: header.update(extra=1))
    with pytest.raises(ArchiveError, match=r"unknown \['extra'\]"):
        load(path)


def test_unknown_and_missing_parameters_are_named(saved: Path, tmp_path: Path) -> None:
    def change(header: JSON, _: Any) -> None:
        header["params"]["depth"] = header["params"].pop("width")

    with pytest.raises(
        ArchiveError, match=r"ConditionalVAE: missing \['width'\], unknown \['depth'\]"
    ):
        load(altered(saved, tmp_path / "m", change))


@pytest.mark.parametrize(
    "key, value",
    [
        ("params", None),
        ("params", []),
        ("params", {"width": "a"}),
        ("params", {"width": 0}),
        ("params", {"warmup": math.nan}),
        ("params", {"likelihood": "poisson"}),
        ("codec", None),
        ("codec", {"modality": "video"}),
        ("codec", {"columns": ["a", "b"]}),
        ("codec", {"parts": []}),
        ("labels", None),
        ("labels", {"classes": [1, 0]}),
        ("labels", {"classes": [0]}),
        ("labels", {"classes": [0, 1, 2]}),
        ("labels", {"dtype": "nothing"}),
        ("class_count", None),
        ("class_count", [30]),
        ("class_count", [[30, 30]]),
        ("class_count", [30, -1]),
        ("class_count", [30, 0]),
        ("class_count", [30.0, 30.0]),
        ("class_count", [math.nan, 30]),
        ("class_count", [True, True]),
        ("class_count", [2**70, 30]),
        ("seed", "0"),
        ("seed", 1.5),
        ("seed", None),
        ("n_steps", None),
        ("n_steps", True),
        ("history", None),
        ("history", {"loss": 3}),
        ("history", {"loss": ["a"]}),
    ],
    ids=str,
)
def test_impossible_values_are_refused(key: str, value: Any, saved: Path, tmp_path: Path) -> None:
    def change(header: JSON, _: Any) -> None:
        header[key] = (
            header[key] | value if key in ("params", "codec", "labels") and value else value
        )

    with pytest.raises(ArchiveError, match="does not fit together"):
        load(altered(saved, tmp_path / "m", change))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all entries of a JSON value."""
    yield path
    for key, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from places(inner, (*path, key))


@given(st.data())
def test_any_header_raises_only_archive_errors(
    tmp_path_factory: pytest.TempPathFactory, saved: Path, data: st.DataObject
) -> None:
    header, tensors = archive.read(saved)
    *path, key = data.draw(st.sampled_from(list(places(header))[1:]))
    inner = header
    for step in path:
        inner = inner[step]
    inner[key] = data.draw(JSON_VALUES)
    target = tmp_path_factory.getbasetemp() / "whatever"
    archive.write(target, header, tensors)
    try:
        load(target).generate([0], 0)
    except (ArchiveError, InputError) as error:
        assert str(error)  # noqa: PT017 - it may also load


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, name: tensors.pop(name),
        lambda tensors, name: tensors.update({name + "2": tensors[name].clone()}),
        lambda tensors, name: tensors.update({name: torch.zeros(*tensors[name].shape, 1)}),
        lambda tensors, name: tensors.update({name: tensors[name][:1].clone()}),
        lambda tensors, name: tensors.clear(),
    ],
    ids=["missing", "unknown", "more dimensions", "smaller", "none"],
)
def test_weights_of_another_shape_are_named(change: Any, saved: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path / "m", lambda _, tensors: change(tensors, "encoder.0.weight"))
    with pytest.raises(
        ArchiveError, match=r"does not fit together: the weights '.*' have shape .* is expected"
    ):
        load(path)


# Headers that ask for gigabytes.


def grow_labels(header: JSON) -> None:
    header["labels"]["classes"] = list(range(100_000))
    header["class_count"] = [1] * 100_000


def grow_image(header: JSON) -> None:
    grey = {
        "container": "ndarray",
        "layout": "NHW",
        "dtype": "uint8",
        "low": [0.0],
        "high": [255.0],
    }
    header["codec"] = {"kind": "image", "shape": [1, 128, 128], **grey}
    header["params"]["width"] = 256


BOMBS: dict[str, Callable[[JSON], Any]] = {
    "width": lambda header: header["params"].update(width=2500),
    "more width": lambda header: header["params"].update(width=10**9),
    "absurd width": lambda header: header["params"].update(width=10**30),
    "latent_dim": lambda header: header["params"].update(latent_dim=10**6),
    "classes": grow_labels,
    "image": grow_image,
}


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_header_cannot_make_a_small_file_large(
    bomb: Callable[[JSON], Any], saved: Path, tmp_path: Path
) -> None:
    import resource  # not on Windows

    path = altered(saved, tmp_path / "m", lambda header, _: bomb(header))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArchiveError, match="does not fit together"):
        load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_an_image_of_absurd_size_is_refused(image_sampler: ConditionalVAE, tmp_path: Path) -> None:
    image_sampler.save(tmp_path / "m")
    path = altered(
        tmp_path / "m",
        tmp_path / "n",
        lambda header, _: header["codec"].update(shape=[1, 10**6, 10**6]),
    )
    with pytest.raises(ArchiveError, match="1000000 x 1000000 px"):
        load(path)


def test_a_network_that_cannot_be_outlined_can_still_be_loaded(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = ConditionalVAE._build

    def build_with_values(self: Any, spec: Any) -> Any:
        network = build(self, spec)
        assert math.isfinite(
            network.to_code.bias.sum().item()
        )  # a tensor without memory has no values
        return network

    monkeypatch.setattr(ConditionalVAE, "_build", build_with_values)
    np.testing.assert_array_equal(load(saved).class_prior_, [0.5, 0.5])


# Places that cannot be written.


def unwritable(tmp_path: Path) -> list[Path]:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    return [
        tmp_path / "file" / "m",
        tmp_path / "missing" / "m",
        tmp_path / "folder",
        tmp_path / ("n" * 300),
        Path("/proc/m") if sys.platform == "linux" else tmp_path / "file" / "m",
    ]


def test_an_unwritable_path_is_named_and_nothing_is_left(
    image_sampler: ConditionalVAE, tmp_path: Path
) -> None:
    for path in unwritable(tmp_path):
        before = files_in(tmp_path), files_in(tmp_path / "folder")
        remedy = "a shorter name" if len(path.name) > 99 else "a folder that is writable"
        with pytest.raises(ArchiveError, match=rf"cannot write .*Choose {remedy}"):
            image_sampler.save(path)
        assert (files_in(tmp_path), files_in(tmp_path / "folder")) == before
    assert (tmp_path / "file").read_text() == "kept"


def no_space(*args: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(*args: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_leaves_the_old_file(
    call: str,
    image_sampler: ConditionalVAE,
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "m"
    path.write_bytes(saved.read_bytes())
    monkeypatch.setattr(call, no_space)
    with pytest.raises(ArchiveError, match=r"cannot write .*m: No space left on device. Make room"):
        image_sampler.save(path)
    assert path.read_bytes() == saved.read_bytes()
    assert files_in(tmp_path) == ["m"]


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive.write_bytes(tmp_path / "m", b"old")
    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        archive.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert files_in(tmp_path) == ["m"]


def test_overwriting_replaces_the_whole_file(saved: Path, tmp_path: Path) -> None:
    path = archive.write_bytes(tmp_path / "m", b"old" * 100)
    with path.open("rb") as reader:  # opened before, so it still reads the old bytes
        archive.write_bytes(path, b"new")
        assert reader.read() == b"old" * 100
    assert path.read_bytes() == b"new"


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    path = archive.write_bytes(tmp_path / "m", b"old")
    link = tmp_path / "link"
    link.symlink_to(path)
    archive.write_bytes(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


def test_check_keys_names_both_sides() -> None:
    archive.check_keys("it", {"a": 1}, {"a"})
    with pytest.raises(ArchiveError, match=r"it: missing \['b'\], unknown \['a'\]"):
        archive.check_keys("it", copy.copy({"a": 1}), {"b"})


def test_hashes_depend_on_contents_and_names_alone(tmp_path: Path) -> None:
    assert archive.digest("ä") == archive.digest("ä".encode()) != archive.digest("a")
    for folder, name, text in (("a", "x", "1"), ("b", "x", "1"), ("c", "y", "1"), ("d", "x", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    a, b, c, d = (
        archive.digest_of_files(tmp_path / name, (tmp_path / name).iterdir()) for name in "abcd"
    )
    assert a == b
    assert len({a, c, d}) == 3
