"""Devices, and threads that are too many for them."""

import warnings

import pytest
import torch

from gen_augment.training import placement


@pytest.mark.parametrize("threads, cores, warned", [(8, 2, True), (2, 2, False), (1, 8, False)])
def test_more_threads_than_cores_are_warned_of(
    threads: int, cores: int, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(placement.joblib, "cpu_count", lambda: cores)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        placement.make_fabric("cpu", "32-true")
    messages = [str(w.message) for w in caught if "OMP_NUM_THREADS" in str(w.message)]
    assert len(messages) == warned
    if warned:
        assert f"{threads} threads" in messages[0]
        assert f"OMP_NUM_THREADS={cores}" in messages[0]
