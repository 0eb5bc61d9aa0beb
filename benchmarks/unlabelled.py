"""Do unlabelled images help a sampler? Fashion-MNIST, 50 labelled images a class, 10,000 without.

The arm is selected on 25 labelled validation images of each class. "semi-" samplers
learn from labelled and unlabelled images, in as many steps as samplers that see
labelled images alone. Two baselines learn from the unlabelled images without a sampler.
For pseudo-labels, a classifier is trained under RandAugment in as many steps again, and
labels those images of which it is at least 95% sure. FixMatch labels them while it is
trained, in the same number of steps as every other arm; see `benchmarks.fixmatch`. Each
of its steps has seven unlabelled images for each labelled one, so it takes about seven
times as long as another step. Synthetic rows are added under RandAugment, the best
recipe of ``fashion-lowdata`` at 50 images, and under FixMatch.

For their cost, these are left out: the VAE, with which unlabelled images cost 2 points
in a trial; latent SMOTE, which needs a fit of its own; more, and varied, synthetic rows;
and recipes that are near others. Estimated from the processor time of a step, a seed
takes about 36 minutes of one core: 15 for the fits, 12 for the two arms with FixMatch,
and about one for each other arm.

Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep
Neural Networks", 2013. Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with
Consistency and Confidence", 2020 (arXiv:2001.07685), whose threshold both use.
"""

from functools import partial
from typing import Any, Self

import numpy as np

from benchmarks.arrays import Data
from benchmarks.fixmatch import SURE, FixMatch
from benchmarks.image_studies import (
    Fitted,
    coded,
    image_samplers,
    network_inputs,
    one_seed,
    trained,
)
from benchmarks.lowdata import pixel_smote
from benchmarks.protocol import Protocol, Setup, images
from gen_augment.containers import concatenate
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.rng import derive_seed
from gen_augment.study import Study
from gen_augment.study.models import default_steps

__all__ = ["PROTOCOL", "PseudoLabels", "WithUnlabelled"]

N_LABELLED, N_UNLABELLED = 50, 10_000
STEPS = {"classifier": default_steps(10 * N_LABELLED), "gan": 1500, "flow": 2000,
         "semi-gan": 1500, "semi-flow": 2000}  # fmt: skip
MOVE, RECIPE = "flip+shift", "randaugment"
ARMS = (
    "real", "repeat", f"{MOVE}+mixup", f"{MOVE}+cutmix", RECIPE, f"pixel-smote+{RECIPE}",
    f"pseudo-labels+{RECIPE}", "fixmatch",
    *(f"{name}:1:share=0.25+{RECIPE}" for name in ("gan", "semi-gan", "flow", "semi-flow")),
    "semi-flow:1:share=0.25+fixmatch",
)  # fmt: skip


class WithUnlabelled(Fitted):
    """A sampler that also learns from unlabelled images.

    Parameters
    ----------
    sampler : Sampler
    unlabelled : ndarray of shape (n, H, W)
    random_state : int
    """

    def __init__(self, sampler: Any, unlabelled: np.ndarray, random_state: int = 0) -> None:
        self.sampler = sampler
        self.unlabelled = unlabelled
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Fit the sampler on labelled and unlabelled images."""
        codes = np.append(y, np.full(len(self.unlabelled), -1))
        self.fitted_ = self.fresh().fit(concatenate([X, self.unlabelled]), codes)
        return self


class PseudoLabels:
    """Real rows, and unlabelled rows of which a classifier of the real rows is sure.

    Parameters
    ----------
    unlabelled : ndarray of shape (n, H, W)
    n_steps, random_state : int
        Training steps and seed of that classifier.
    """

    def __init__(self, unlabelled: np.ndarray, n_steps: int, random_state: int) -> None:
        self.unlabelled = unlabelled
        self.n_steps = n_steps
        self.random_state = random_state
        self._likely: np.ndarray | None = None

    def __call__(self, X: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return all rows and their labels.

        They do not depend on the seed of the arm, since all arms have the same rows.
        """
        labels, codes = np.unique(y, return_inverse=True)
        if self._likely is None:
            predict = trained(coded(X, codes), RECIPE, self.random_state, self.n_steps)
            self._likely = predict(self.unlabelled)
        likely, sure = self._likely, self._likely.max(axis=1) >= SURE
        return concatenate([X, self.unlabelled[sure]]), np.append(
            y, labels[likely.argmax(axis=1)[sure]]
        )


def make(rows: str, setup: Setup, seed: int, quick: bool) -> Study:
    """Return the study of one seed."""
    data = images("fashion-mnist", quick)
    n, n_unlabelled = (6, 100) if quick else (N_LABELLED, N_UNLABELLED)
    labelled = data.head(n * 3 // 2, derive_seed(seed, "labelled"))
    order = np.random.default_rng(seed).permutation(len(data.y))
    known = set(map(bytes, labelled.X))
    others = [number for number in order.tolist() if bytes(data.X[number]) not in known][
        :n_unlabelled
    ]
    unlabelled = data.X[others]
    samplers = image_samplers(setup.steps, data.mirror, quick)
    semi = image_samplers(
        {name.removeprefix("semi-"): s for name, s in setup.steps.items()}, data.mirror, quick
    )
    samplers |= {
        name: WithUnlabelled(semi[name[5:]], unlabelled)
        for name in setup.steps
        if name.startswith("semi-")
    }
    own = {
        "pixel-smote": pixel_smote(),
        "pseudo-labels": PseudoLabels(
            unlabelled, setup.steps["classifier"], derive_seed(seed, "teacher")
        ),
    }
    few = Data(data.name, labelled.X, labelled.y, test=data.test, mirror=data.mirror)
    inputs = network_inputs(unlabelled)
    fixmatch = FixMatch(partial(SmallCNN, inputs.shape[1:], 10), inputs, mirror=data.mirror)
    return one_seed(
        few, setup, samplers, seed, own, {"fixmatch": fixmatch}, validation_size=1 / 3,
        model=fixmatch.network,
    )  # fmt: skip


PROTOCOL = Protocol("unlabelled", {"50 labels a class": Setup(ARMS, STEPS)}, make)
