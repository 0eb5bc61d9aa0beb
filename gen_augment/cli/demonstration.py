"""The four parts of ``gen-augment demo``; each is what a user would write."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import DataLoader

from gen_augment.containers import take
from gen_augment.data import Rows
from gen_augment.data.sources import load_data
from gen_augment.errors import GenAugmentError
from gen_augment.inject import AugmentedDataset
from gen_augment.samplers import ConditionalVAE, KDESampler, Sampler, load_sampler
from gen_augment.study import Split, Study, Training
from gen_augment.study.pictures import example_grid

__all__ = ["balance_a_loader", "distil_a_forest", "fit_a_sampler", "help_a_network"]

#: Rows that the sampler is fitted on, of 1,797.
N_TRAIN = 300
#: Rows of each class after filling.
N_FILLED = 40


def _digits() -> Rows:
    return load_data("digits").rows


def fit_a_sampler(folder: Path, *, quick: bool) -> tuple[Sampler, Rows, bytes]:
    """Fit a VAE, or load the one that an earlier run left in `folder`.

    Returns
    -------
    sampler : Sampler
    train : Rows
        What it was fitted on.
    picture : bytes
        A PNG of real and synthetic rows.
    """
    path, train = folder / "digits.safetensors", _digits().part(np.arange(N_TRAIN))
    sampler: Sampler = ConditionalVAE(max_steps=20 if quick else 600, random_state=0)
    try:
        sampler = load_sampler(path)
    except (GenAugmentError, OSError):  # none, or one that an interrupted run left
        sampler.fit(train)
        sampler.save(path)
    X, y = sampler.sample(y=dict.fromkeys(sampler.classes_.tolist(), 8), random_state=1)
    picture = example_grid(train, train.like(X, y))
    assert picture is not None  # noqa: S101 # images have pictures
    return sampler, train, picture


def balance_a_loader(sampler: Sampler) -> pd.DataFrame:
    """Fill a long-tailed part of the digits up; return how often an epoch has each class."""
    rows = _digits()
    index = [
        np.flatnonzero(rows.codes == code)[: max(2, N_FILLED >> (code // 2))]
        for code in range(rows.n_classes)
    ]
    chosen = np.concatenate(index)
    real: Any = list(zip(take(rows.X, chosen), rows.codes[chosen].tolist(), strict=True))
    filled = AugmentedDataset(real, sampler, sampling_strategy="auto")
    drawn = np.concatenate([y.numpy() for _, y in DataLoader(filled, 64, shuffle=True)])
    counts = {"real": rows.codes[chosen], "one epoch of the loader": drawn}
    table = {name: np.bincount(codes, minlength=rows.n_classes) for name, codes in counts.items()}
    return pd.DataFrame(table, index=pd.Index(rows.classes, name="digit"))


def help_a_network(*, quick: bool) -> Study:
    """A study of a small CNN on 30 images of each digit, with shifted images as a rival."""
    rows = _digits()
    return Study(
        rows,
        arms=["real", "shift", "vae", "vae+shift"],
        samplers={"vae": ConditionalVAE(max_steps=10 if quick else 400)},
        n_seeds=3,
        split=Split(per_class=30),
        training=Training(n_steps=10 if quick else 300),
        name="digits, 30 images of each",
    )


def distil_a_forest(*, quick: bool) -> Study:
    """A study of one decision tree that learns from extremely randomised trees."""
    X, y = load_digits(return_X_y=True)
    n_trees = 10 if quick else 200
    return Study(
        X,
        y,
        model=DecisionTreeClassifier(max_depth=10),
        teacher=ExtraTreesClassifier(n_trees),
        arms=["real", "real:teacher", "kde:10:teacher"],
        samplers={"kde": KDESampler()},
        n_seeds=3 if quick else 5,
        name="digits, as a table of 64 pixels",
    )
