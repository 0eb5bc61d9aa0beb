"""Rows drawn with replacement."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gen_augment import (
    BootstrapSampler,
)
from tests.conftest import as_form, toy_images
from tests.samplers.test_mixed import draw_mixed


def test_bootstrap_draws_training_rows_uniformly() -> None:
    X, y = draw_mixed(40)
    rows, _ = BootstrapSampler(random_state=0).fit(X, y).sample(y={"yes": 8000})
    counts = rows.merge(X[y == "yes"].drop_duplicates(), how="left", indicator=True)["_merge"]
    assert (counts == "both").all()
    share = rows.groupby(list(X.columns), dropna=False, observed=True).size()
    n = (y == "yes").sum()
    assert len(share) == n
    assert (abs(share - 8000 / n) < 5 * np.sqrt(8000 / n)).all()
    images, codes = toy_images()
    assert BootstrapSampler(random_state=0).fit(images, codes).sample(3)[0].dtype == np.uint8


def test_bootstrap_of_a_parquet_folder_gives_a_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"], "t": [0, 1, 0]})
    frame.to_parquet(tmp_path / "0.parquet")
    folder = BootstrapSampler(random_state=0).fit(tmp_path, "t").sample(5)[0]
    file = BootstrapSampler(random_state=0).fit(tmp_path / "0.parquet", "t").sample(5)[0]
    pd.testing.assert_frame_equal(folder, file)


@pytest.mark.parametrize("from_folder", [False, True])
def test_bootstrap_copies_pil_images(from_folder: bool, tmp_path: Path) -> None:
    X, y = as_form("pil-grey")
    for number, (image, label) in enumerate(zip(X, y, strict=True)):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        image.save(tmp_path / str(label) / f"{number}.png")
    sampler = BootstrapSampler(random_state=0)
    sampler = sampler.fit(tmp_path) if from_folder else sampler.fit(X, y)
    assert sampler.n_features_in_ == 144
    label = "1" if from_folder else 1  # the folder's name
    (image,) = sampler.generate([3], [label])
    before = image.copy()
    image.putpixel((0, 0), 255 - image.getpixel((0, 0)))
    assert sampler.generate([3], [label]) == [before]
