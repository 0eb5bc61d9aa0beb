"""Categories of synthetic rows are those of their class."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment import ArchiveError, InputError, MixtureSampler, archive
from gen_augment.modalities import Table
from gen_augment.samplers.classical.categories import SeenCategories


def shops(n_kinds: int, n: int = 3000) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a category of which each class has half, and a number that misses in class 0 only."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    kinds = 2 * rng.integers(n_kinds // 2, size=n) + y
    pay = np.where((y == 0) & (rng.random(n) < 0.3), np.nan, rng.normal(size=n))
    return pd.DataFrame({"shop": [f"s{kind}" for kind in kinds], "pay": pay}), y


@pytest.mark.parametrize("n_kinds", [8, 300], ids=["one block", "digits"])
def test_a_mixture_has_the_categories_of_the_class(n_kinds: int, tmp_path: Path) -> None:
    X, y = shops(n_kinds)
    sampler = MixtureSampler(n_components=1, random_state=0).fit(X, y)
    made, labels = sampler.sample(1000, random_state=1)
    for label in (0, 1):
        assert set(made["shop"][labels == label]) <= set(X["shop"][y == label])
    assert not made["pay"][labels == 1].isna().any()
    assert 0.2 < made["pay"][labels == 0].isna().mean() < 0.4
    assert made["shop"].nunique() > n_kinds / 3
    sampler.save(path := tmp_path / "a.safetensors")
    pd.testing.assert_frame_equal(MixtureSampler.load(path).sample(1000, random_state=1)[0], made)


def test_the_largest_value_counts_among_known_categories() -> None:
    X = pd.DataFrame({"a": ["u", "u", "v", "w"], "x": [0.0, 1, 2, 3]})
    codec, rows = Table().fit(X)
    seen = SeenCategories.learn(codec, rows, np.array([3, 1]))
    blocks = slice(codec.block_groups()[0].starts[0], None)
    rows[:, blocks] = torch.tensor([0.2, 0.1, 0.9])  # "u", "v" and "w"
    made = codec.decode(seen.choose(rows, np.array([0, 1, 0, 1])))
    assert made["a"].tolist() == ["u", "w", "u", "w"]
    assert made["x"].tolist() == pytest.approx(X["x"].tolist())


def test_damage_is_refused(tmp_path: Path) -> None:
    X, y = shops(8, 60)
    sampler = MixtureSampler(random_state=0).fit(X, y)
    sampler.save(path := tmp_path / "a.safetensors")
    header, tensors = archive.read(path)
    damaged: list[Any] = [
        tensors["seen"][:1], tensors["seen"].float(), torch.zeros_like(tensors["seen"])
    ]  # fmt: skip
    for seen in damaged:
        archive.write(path, header, tensors | {"seen": seen})
        with pytest.raises(ArchiveError, match=r"categories of classes|no category"):
            MixtureSampler.load(path)
    with pytest.raises(InputError, match="a class has no category"):
        SeenCategories.restore(sampler.codec_, damaged[2], 2)
