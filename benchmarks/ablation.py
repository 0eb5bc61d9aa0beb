"""What does each use of a flow's rows change? Fashion-MNIST, 100 training images a class.

Each arm varies one thing, except for four arms that vary two. The arm is selected on 50
validation images of each class. The reference is ``flow:1``: as many synthetic rows as
real rows, under flips, shifts and MixUp. All arms but the first two use these
transforms.

The arms vary the ratio, the share of synthetic rows in each batch, and the guidance.
They also vary the training steps of the flow: "flow-500" and "flow-6000" name the
steps. In "flow-shifted" the training rows of the flow are shifted. "vary" uses new
versions of real rows. "pretrain" trains on synthetic rows first and on real rows after.
"hard-classes" adds more rows of classes that a classifier gets wrong. It counts the
errors on halves of the training rows that the classifier has not seen. Filters have
their own benchmark, ``filters``.

Soft labels come from a classifier trained on the real rows. Such distillation may help
without any new image. The baseline for it is "copies", the real rows again. Classifiers
take 1,200 steps. Soft labels and "hard-classes" take further steps. "hard-classes" also
adds as many rows of a flow as there are real rows. The table does not count either. A
seed takes about 26 minutes of one thread.
"""

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold
from torchvision.transforms import v2

from benchmarks.image_studies import Fitted, coded, image_samplers, one_seed, trained
from benchmarks.protocol import Protocol, Setup, images
from gen_augment.containers import concatenate
from gen_augment.data.counts import allocate
from gen_augment.rng import derive_seed, fork_rng
from gen_augment.study import Study

__all__ = ["PROTOCOL", "Copies", "HardClasses", "Shifted"]

N_TRAIN = 100
MOVE = "flip+shift"
RECIPE = f"{MOVE}+mixup"
STEPS = {"classifier": 1200, "flow": 2000, "flow-500": 500, "flow-6000": 6000, "flow-shifted": 2000,
         "hard-classes": 2000}  # fmt: skip
USES = (
    "copies:1:soft", "copies:4:soft", "flow:1", "flow:0.5", "flow:2", "flow:4", "flow:4:share=0.25",
    "flow:10:share=0.5", "flow:1:guidance=1.5", "flow:1:guidance=2", "flow:1:guidance=3",
    "flow-500:1", "flow-6000:1", "flow-shifted:1", "flow:1:vary=0.3", "flow:1:vary=0.6",
    "flow:1:pretrain", "flow:4:pretrain", "hard-classes", "flow:1:soft", "flow:4:soft",
    "flow-shifted:4:soft", "flow:4:vary=0.6:soft",
)  # fmt: skip
ARMS = (MOVE, f"{MOVE}+cutout", RECIPE, *(f"{use}+{RECIPE}" for use in USES))


class Copies(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Copies of the rows that the sampler was fitted on, in order within each class.

    Parameters
    ----------
    random_state : int
    """

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Keep the rows."""
        self.rows_ = {label: X[y == label] for label in np.unique(y).tolist()}
        return self

    def generate(self, index: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return rows by address."""
        turn = np.asarray(index) // len(self.rows_)
        return np.stack(
            [
                self.rows_[label][n % len(self.rows_[label])]
                for n, label in zip(turn, y, strict=True)
            ]
        )


class Shifted(Fitted):
    """A sampler fitted on shifted rows, by up to a fourteenth of each side.

    Each training row is shifted in five ways.

    Parameters
    ----------
    sampler : Sampler
    random_state : int
    """

    def __init__(self, sampler: Any, random_state: int = 0) -> None:
        self.sampler = sampler
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Fit the sampler on the shifted rows."""
        move = v2.RandomAffine(0, translate=(1 / 14, 1 / 14))
        with fork_rng(derive_seed(self.random_state, "shifts"), torch.device("cpu")):
            moved = torch.stack(
                [move(image[None])[0] for image in torch.from_numpy(X).repeat(5, 1, 1)]
            )
        self.fitted_ = self.fresh().fit(moved.numpy(), np.tile(y, 5))
        return self


class HardClasses:
    """Add as many synthetic rows as there are real rows, most to the hardest classes.

    The rows of a class are proportional to its share of a classifier's errors. The
    classifier is trained on each half of the rows and tested on the other half.

    Parameters
    ----------
    sampler : Sampler
    n_steps : int
        Training steps of that classifier.
    """

    def __init__(self, sampler: Any, n_steps: int) -> None:
        self.sampler = sampler
        self.n_steps = n_steps

    def __call__(self, X: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return all rows and their labels."""
        labels, codes = np.unique(y, return_inverse=True)
        wrong = np.zeros(len(y), dtype=bool)
        folds = StratifiedKFold(2, shuffle=True, random_state=derive_seed(seed, "halves") % 2**31)
        for seen, unseen in folds.split(X, codes):
            predict = trained(
                coded(X[seen], codes[seen]), RECIPE, derive_seed(seed, "errors"), self.n_steps
            )
            wrong[unseen] = predict(X[unseen]).argmax(axis=1) != codes[unseen]
        errors = 1 + np.bincount(codes[wrong], minlength=len(labels))  # every class gets some rows
        wanted = dict(zip(labels.tolist(), allocate(len(y), errors).tolist(), strict=True))
        made = (
            self.sampler.set_params(random_state=derive_seed(seed, "sampler") % 2**31)
            .fit(X, y)
            .sample(y=wanted)
        )
        return concatenate([X, made[0]]), np.append(y, made[1])


def make(rows: str, setup: Setup, seed: int, quick: bool) -> Study:
    """Return the study of one seed."""
    data = images("fashion-mnist", quick)
    flows = {
        name: image_samplers({"flow": n}, data.mirror, quick)["flow"]
        for name, n in setup.steps.items()
        if name != "classifier"
    }
    hard = {"hard-classes": HardClasses(flows.pop("hard-classes"), setup.steps["classifier"])}
    samplers = flows | {"flow-shifted": Shifted(flows["flow-shifted"]), "copies": Copies()}
    return one_seed(
        data,
        setup,
        samplers,
        seed,
        hard,
        per_class=9 if quick else N_TRAIN * 3 // 2,
        validation_size=1 / 3,
    )


PROTOCOL = Protocol("ablation", {f"{N_TRAIN} a class": Setup(ARMS, STEPS)}, make)
