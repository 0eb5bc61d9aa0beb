"""Series: what synthetic rows add to eight sets of aeon, for MiniRocket and for a network.

The sets are those with classes that aeon has in its package: ACSF1, ArrowHead, BasicMotions,
GunPoint, ItalyPowerDemand, JapaneseVowels, OSULeaf and PickupGestureWiimoteZ, with their authors'
test parts. A quarter of the training part chooses the arm. Two of the sets have series of unequal
lengths, which SMOTE cannot use.

MiniRocket with ridge regression (Dempster et al. 2021) and a small InceptionTime network (Ismail
Fawaz et al. 2020) are the bars. Warping and slicing have the strengths of Iwana and Uchida (2021,
arXiv:2007.15951), and were not tuned. For MiniRocket each gives one new row for each real one; the
network gets new random changes in each batch. Learned samplers have default settings and 600 steps.

Needs ``pip install aeon``.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.protocol import Protocol, Setup
from gen_augment.errors import MissingDependencyError
from gen_augment.modalities.series.classifiers import MiniRocketClassifier
from gen_augment.modalities.series.codec import SeriesCodec
from gen_augment.modalities.series.files import read_file
from gen_augment.rng import derive_seed
from gen_augment.samplers import (
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    SMOTESampler,
    TransformSampler,
)
from gen_augment.study import Split, Study, Training

__all__ = ["PROTOCOL"]

SETS = (
    "ItalyPowerDemand", "GunPoint", "ArrowHead", "BasicMotions", "PickupGestureWiimoteZ",
    "JapaneseVowels",
    "OSULeaf",
    "ACSF1",
)  # fmt: skip
UNEQUAL = ("JapaneseVowels", "PickupGestureWiimoteZ")
#: Classical transforms, by the name of their arms.
CLASSICAL = {
    "jittered": "jitter",
    "scaled": "scaling",
    "time-warp": "time_warp",
    "magnitude-warp": "magnitude_warp",
    "window-warp": "window_warp",
    "window-slice": "window_slice",
    "guided-warp": "guided_warp",
    "barycentre": "barycentre",
}
DEEP = {"flow": ConditionalFlow, "vae": ConditionalVAE, "gan": ConditionalGAN}
RECIPES = ("jitter", "scaling", "warp", "window", "slice", "mixup")
CLASSIFIERS = ("MiniRocket", "network")
#: Steps of a learned sampler, and of the network.
SAMPLER_STEPS, STEPS = 600, 400


def arms(name: str, classifier: str) -> tuple[str, ...]:
    """Baselines, then learned samplers."""
    equal = () if name in UNEQUAL else ("smote-rows:1",)
    learned = tuple(f"{sampler}:1" for sampler in DEEP)
    if classifier == "MiniRocket":
        return "real", *(f"{each}:1" for each in CLASSICAL), *equal, *learned
    beside = tuple(f"{sampler}+window" for sampler in learned)
    return "real", "repeat", *RECIPES, "guided-warp:1", "barycentre:1", *equal, *learned, *beside


def make(rows: str, setup: Setup, seed: int, quick: bool) -> Study:
    """The study of one seed."""
    name, classifier = rows.split(", ")
    (X, y), test = part(name, "TRAIN"), part(name, "TEST")
    codec = SeriesCodec.fit(X)[0]
    model = MiniRocketClassifier(codec.shape[0]) if classifier == "MiniRocket" else None
    size: Any = {"width": 4} if quick else {}
    deep = {each: DEEP[each](max_steps=setup.steps[each], **size) for each in DEEP}
    own = {arm: TransformSampler(transforms=each) for arm, each in CLASSICAL.items()}
    return Study(
        X, y, modality="series", arms=list(setup.arms), add_real=False, model=model, n_seeds=1,
        samplers={**own, "smote-rows": SMOTESampler(), **deep},
        split=Split(test=test, validation_size=0.25, near_copies="ignore"),
        training=Training(setup.steps["classifier"], device="cpu"),
        random_state=derive_seed(seed, "protocol") % 2**31,
    )  # fmt: skip


@lru_cache(maxsize=4)
def part(name: str, which: str) -> tuple[Any, np.ndarray]:
    """Series and labels of a set's training or test part."""
    package = find_spec("aeon")  # whose files are enough
    if package is None or package.origin is None:
        raise MissingDependencyError(
            "the benchmark needs the series of aeon: pip install 'gen_augment[series]'."
        )
    folder = Path(package.origin).parent / "datasets" / "data" / name
    X, y = read_file(folder / f"{name}_{which}.ts")
    return X, y


PROTOCOL = Protocol(
    "series",
    {
        f"{name}, {classifier}": Setup(
            arms(name, classifier), {"classifier": STEPS, **dict.fromkeys(DEEP, SAMPLER_STEPS)}
        )
        for classifier in CLASSIFIERS
        for name in SETS
    },
    make,
)
