"""Samplers by name."""

from pathlib import Path

import pytest

from gen_augment import (
    ArchiveError,
    InputError,
    load_sampler,
)
from gen_augment.samplers import SAMPLERS, register_sampler
from tests.conftest import toy_table


def test_a_revision_is_a_name() -> None:
    for path in ("hub:ann/name", "a.safetensors"):
        with pytest.raises(InputError, match="revision=5 is no name"):
            load_sampler(path, revision=5)  # type: ignore[arg-type]


def test_a_users_sampler_is_registered_by_name(tmp_path: Path) -> None:
    class Mine(SAMPLERS["bootstrap"]):  # type: ignore[misc]
        method = "mine"

    try:
        assert register_sampler(Mine) is Mine
        register_sampler(Mine)
        sampler = SAMPLERS["mine"](random_state=0).fit(*toy_table())  # type: ignore[call-arg]
        sampler.save(tmp_path / "a")
        assert type(load_sampler(tmp_path / "a")) is Mine
        for method in ("mine", "kde", "", "a:b", "a+b"):
            other = type("Other", (Mine,), {"method": method})
            with pytest.raises(InputError, match=r"method=|cannot be registered"):
                register_sampler(other)
    finally:
        SAMPLERS.pop("mine", None)
    with pytest.raises(ArchiveError, match=r"'Mine', which is not registered.*register_sampler"):
        load_sampler(tmp_path / "a")
