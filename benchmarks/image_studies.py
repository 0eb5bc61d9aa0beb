"""Samplers, classifiers and studies that the image protocols share."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from torch import Tensor, nn

from benchmarks.arrays import Data
from benchmarks.protocol import DEVICE, PRECISION, Setup, test_part
from gen_augment.data import LabelCodec, Rows
from gen_augment.modalities import Image
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.rng import derive_seed
from gen_augment.samplers import ConditionalFlow, ConditionalGAN, ConditionalVAE, PairedVAE
from gen_augment.study import Arm, Conditions, Split, Study, Training, parse_arm
from gen_augment.study.arms import BatchStep, Pool
from gen_augment.study.fitting import fit_predict

__all__ = ["Fitted", "coded", "image_samplers", "network_inputs", "one_seed", "trained"]


class Fitted(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base of samplers that are fitted on more than the training rows.

    Attributes
    ----------
    sampler : Sampler
        Not fitted.
    random_state : int
    fitted_ : Sampler
    """

    sampler: Any
    random_state: int
    fitted_: Any

    def fresh(self) -> Any:
        """Return the sampler to fit."""
        return clone(self.sampler).set_params(random_state=self.random_state)

    def generate(self, index: np.ndarray, y: np.ndarray) -> Any:
        """Return rows by address."""
        return self.fitted_.generate(index, y)

    def vary(self, X: Any, y: np.ndarray, **how: Any) -> Any:
        """Return new versions of rows."""
        return self.fitted_.vary(X, y, **how)


def image_samplers(steps: Mapping[str, int], mirror: bool, quick: bool) -> dict[str, Any]:
    """Return the samplers that `steps` names.

    "latent-smote" is a baseline with the idea of DeepSMOTE: rows between the codes of
    an auto-encoder. It is ``ConditionalVAE(beta=0, latent="interpolate")`` and lacks
    DeepSMOTE's permutation loss.
    """
    size: Any = {"precision": PRECISION} | ({"width": 4} if quick else {})
    flow: Any = {"n_steps": 1} if quick else {}
    known: dict[str, Callable[[int], Any]] = {
        "vae": lambda n: ConditionalVAE(max_steps=n, **size),
        "gan": lambda n: ConditionalGAN(max_steps=n, mirror=mirror, **size),
        "flow": lambda n: ConditionalFlow(max_steps=n, mirror=mirror, **size, **flow),
        "paired": lambda n: PairedVAE(max_steps=n, **size),
        "latent-smote": lambda n: ConditionalVAE(max_steps=n, beta=0, latent="interpolate", **size),
    }
    return {name: known[name](n) for name, n in steps.items() if name in known}


def coded(X: np.ndarray, codes: np.ndarray, n_classes: int | None = None) -> Rows:
    """Return images with class codes; by default the classes go up to the highest code."""
    n = int(codes.max()) + 1 if n_classes is None else n_classes
    return Rows(X, codes.astype(np.int64), LabelCodec(np.arange(n), "ndarray", "<i8"), Image())


def network_inputs(X: np.ndarray) -> Tensor:
    """Return images as the classifier of a study sees them, (n, C, H, W) in [-1, 1]."""
    rows = coded(X, np.zeros(len(X)))
    return rows.modality.views.network_inputs(rows.codec, X)(X).float()


def trained(
    real: Rows, recipe: str, seed: int, n_steps: int, model: Callable[[], nn.Module] | None = None
) -> Callable[[Any], np.ndarray]:
    """Train the small CNN on grey images and return a function of class probabilities."""
    shape, n_classes = (1, *real.X.shape[1:]), real.n_classes
    training = Training(n_steps, device=DEVICE, precision=PRECISION)
    arm = parse_arm(recipe, {})
    model = model or (lambda: SmallCNN(shape, n_classes))
    return fit_predict(model, arm, Pool(real), real, seed, training)


def _arm(
    name: str,
    samplers: Mapping[str, Any],
    own_rows: Mapping[str, Any],
    own_steps: Mapping[str, BatchStep],
) -> Arm:
    """Read an arm; own batch steps run after the others."""
    steps = name.split("+")
    rows = own_rows.get(steps[0])
    known = [step for step in steps[rows is not None :] if step not in own_steps]
    arm = parse_arm("+".join(known) or "real", samplers)
    own = [own_steps[step] for step in steps if step in own_steps]
    arm = replace(arm, name=name, batch_steps=(*arm.batch_steps, *own))
    return arm if rows is None else replace(arm, rows=rows)


def one_seed(
    data: Data, setup: Setup, samplers: Mapping[str, Any], seed: int, own_rows: Mapping[str,
    Any] | None = None, own_steps: Mapping[str, BatchStep] | None = None, *, per_class: Any = None,
    validation_size: float = 0.2, shifted: Any = None, model: Any = None,
) -> Study:  # fmt: skip
    """Return a study of one seed, tested on the test part of the data.

    `own_rows` and `own_steps` are row steps and batch steps by name.
    """
    arms = [_arm(name, samplers, own_rows or {}, own_steps or {}) for name in setup.arms]
    split = Split(
        test=test_part(data),
        validation_size=validation_size,
        per_class=per_class,
        drop_duplicates=True,
    )
    return Study(
        data.X, data.y, arms=arms, add_real=False, samplers=samplers, n_seeds=1, model=model,
        split=split, training=Training(setup.steps["classifier"], precision=PRECISION),
        conditions=Conditions(shifted=shifted), random_state=derive_seed(seed, "protocol") % 2**31,
    )  # fmt: skip
