"""The parts of the demo, with a few training steps."""

from pathlib import Path

import numpy as np

from gen_augment.cli.demonstration import (
    balance_a_loader,
    distil_a_forest,
    fit_a_sampler,
    help_a_network,
)


def test_classes_are_filled_to_the_count_of_the_largest(tmp_path: Path) -> None:
    sampler, train, picture = fit_a_sampler(tmp_path, quick=True)
    assert len(train) == 300
    assert picture.startswith(b"\x89PNG")
    counts = balance_a_loader(sampler)
    assert counts["real"].tolist() == [40, 40, 20, 20, 10, 10, 5, 5, 2, 2]
    np.testing.assert_array_equal(counts["one epoch of the loader"], 40)


def test_a_damaged_sampler_of_an_earlier_run_is_fitted_again(tmp_path: Path) -> None:
    (tmp_path / "digits.safetensors").write_bytes(b"half")
    sampler, _, _ = fit_a_sampler(tmp_path, quick=True)
    assert sampler.n_steps_ == 20


def test_the_second_run_loads_the_sampler_of_the_first(tmp_path: Path) -> None:
    first, _, picture = fit_a_sampler(tmp_path, quick=True)
    written = (tmp_path / "digits.safetensors").stat().st_mtime_ns
    again, _, same = fit_a_sampler(tmp_path, quick=True)
    assert (tmp_path / "digits.safetensors").stat().st_mtime_ns == written
    assert same == picture
    np.testing.assert_array_equal(again.generate([7], [3]), first.generate([7], [3]))


def test_each_study_has_a_rival_without_synthetic_rows() -> None:
    network, tree = help_a_network(quick=True), distil_a_forest(quick=True)
    assert network.arms == ["real", "shift", "vae", "vae+shift"]
    assert tree.arms == ["real", "real:teacher", "kde:10:teacher"]
    for study in (network, tree):
        samplers = set(study.samplers)
        assert any(arm.split(":")[0].split("+")[0] not in samplers for arm in study.arms[1:])
