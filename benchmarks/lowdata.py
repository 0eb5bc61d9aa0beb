"""Few images: the gain from synthetic rows at 10, 20, 50, 100 and 500 training images a class.

The arm is selected on half as many validation images of each class. The test images are
all test images of the data set. The classes are balanced, so oversampling, class
weights and logit adjustment change nothing and are left out.

Classifiers take equal steps for every arm, the default number of a study: 1,000 at 10
images a class, 2,200 at 100. Under flips, shifts and MixUp, 600, 1,200, 2,400 and 4,800
steps gave 85.1, 86.5, 87.3 and 87.6% at 100 images (10,000 validation images, one
seed).

For their cost, MNIST and CIFAR-10 have 12 arms of the kinds that led on validation
images of Fashion-MNIST, which has 30. The baselines are the plain rows, the classic
recipes, and SMOTE under RandAugment. The arms with synthetic rows are the VAE under
RandAugment, and a quarter of a flow's rows under two recipes. The GAN is left out. It
took about half of the time of all fits, and was selected at one size of five. Also left
out are guided and varied rows of the flow, latent SMOTE, Cutout, CutMix with shifts, and
samplers without a recipe.

For Fashion-MNIST, on one thread with one other process on the machine, a seed took 17
to 19 minutes at 10 images, 25 to 30 at 20 and 50, and 35 to 44 at 100. The finalists
alone took 7 to 12, 6 to 10 and 13 to 20. At 500 images, on a processor that is 1.5
times as fast, a seed took 32 and the finalists 11. Estimated from the processor time of
a step, a seed takes 72 minutes of one core for MNIST (all five sizes), and 83 for
CIFAR-10 (all three). At 50 and 100 images of Fashion-MNIST, seeds 0 to 2 drew
RandAugment's operations image by image. Later seeds draw those of equal operations
together: other draws of the same distribution.

CIFAR-10 is a folder ``cifar10-jpeg`` in `gen_augment.data.data_root()`, with
``train/CLASS`` and ``test/CLASS``. It may also be a zip file, such as a part of the
JPEG copy by YoongiKim. Its scores are not comparable with those of the original.

The goal at 50 and 100 images: the selected arm gains at least 1 point of balanced
accuracy over the best arm without a generative sampler, with an interval above 0.
"""

import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison import Goal
from benchmarks.harness import WORK
from benchmarks.image_studies import image_samplers, one_seed
from benchmarks.protocol import Protocol, Setup, images
from gen_augment.data.sources import data_root
from gen_augment.errors import InputError
from gen_augment.study import Study
from gen_augment.study.models import default_steps

__all__ = ["CIFAR", "FASHION", "MNIST", "make", "setups"]

#: Steps of the VAE and the latent SMOTE, the GAN and the flow, by images of each class.
STEPS = {10: (1000, 1500, 1500), 20: (1000, 1500, 1500), 50: (1000, 1500, 2000), 100: (1500, 2000,
2000),
         200: (1500, 2000, 2500), 500: (1500, 2000, 2500), 1000: (2000, 2500, 3000)}  # fmt: skip


def arms(move: str) -> tuple[str, ...]:
    """Return baselines, then generative arms. `move` is the classic transform that keeps labels."""
    mixed = f"{move}+mixup"
    return (
        "real", "repeat", "mixup", "cutmix", "randaugment", move, f"{move}+cutout", mixed,
        f"{move}+cutmix", f"{move}+randaugment", "pixel-smote", f"pixel-smote+{mixed}",
        "latent-smote:1", f"latent-smote:1+{mixed}", "vae:1", f"vae:1+{mixed}", "gan:1",
        f"gan:1+{mixed}", "flow:1", f"flow:1+{move}", f"flow:1+{mixed}",
        f"flow:1:guidance=2+{mixed}", f"flow:1:share=0.25+{move}", f"flow:1:share=0.25+{mixed}",
        f"flow:1:vary=0.6+{move}", f"flow:1:vary=0.6+{mixed}", "flow:1:share=0.25+randaugment",
        "flow:1:guidance=2+randaugment", "gan:1+randaugment", "vae:1+randaugment",
    )  # fmt: skip


def fewer_arms(move: str) -> tuple[str, ...]:
    """Return the strongest baselines, and the strongest generative arms but the GAN's."""
    return (
        "real", "repeat", "mixup", "cutmix", "randaugment", move, f"{move}+mixup",
        f"{move}+randaugment", "pixel-smote+randaugment", "vae:1+randaugment",
        "flow:1:share=0.25+randaugment", f"flow:1:share=0.25+{move}+mixup",
    )  # fmt: skip


def make(name: str, rows: str, setup: Setup, seed: int, quick: bool, **settings: Any) -> Study:
    """Return the study of one seed, with further settings of the study."""
    data = images(str(cifar_folder()) if name == "cifar10" else name, quick)
    mirror = data.mirror or name == "cifar10"
    per_class = 9 if quick else int(rows.split()[0]) * 3 // 2
    samplers = image_samplers(setup.steps, mirror, quick)
    own = {"pixel-smote": pixel_smote()}
    return one_seed(
        data, setup, samplers, seed, own, per_class=per_class, validation_size=1 / 3, **settings
    )


def pixel_smote() -> Any:
    """Return SMOTE of pixels that doubles each class.

    The arm `smote` adds nothing to balanced classes.
    """
    from imblearn.over_sampling import SMOTE

    return SMOTE(sampling_strategy=_twice)


def _twice(y: np.ndarray) -> dict[Any, int]:
    labels, counts = np.unique(y, return_counts=True)
    return dict(zip(labels.tolist(), (2 * counts).tolist(), strict=True))


def cifar_folder() -> Path:
    """Return the folder of CIFAR-10, unpacked from its zip file if necessary."""
    folder, packed = data_root() / "cifar10-jpeg", data_root() / "cifar10-jpeg.zip"
    if folder.is_dir():
        return folder
    if not packed.is_file():
        raise InputError(
            f"{folder} is missing: put CIFAR-10 there, as train/CLASS/*.jpg and test/CLASS/*.jpg, "
            "or set GEN_AUGMENT_DATA to the folder that has it."
        )
    if not (WORK / "cifar10-jpeg").is_dir():
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(WORK / "unpacking")
        (WORK / "unpacking" / "cifar10-jpeg").rename(WORK / "cifar10-jpeg")
        (WORK / "unpacking").rmdir()
    return WORK / "cifar10-jpeg"


def setups(sizes: Iterable[int], arms: tuple[str, ...]) -> dict[str, Setup]:
    """Return one setup for each number of training images of a class."""
    found, samplers = {}, {arm.split(":")[0] for arm in arms}
    for n in sizes:
        vae, gan, flow = STEPS[n]
        steps = {
            "classifier": default_steps(10 * n),
            "vae": vae,
            "gan": gan,
            "flow": flow,
            "latent-smote": vae,
        }
        used = {name: n for name, n in steps.items() if name in {"classifier", *samplers}}
        found[f"{n} a class"] = Setup(arms, used)
    return found


SIZES = (10, 20, 50, 100, 500)
FASHION = Protocol(
    "fashion-lowdata",
    setups(SIZES, arms("flip+shift")),
    partial(make, "fashion-mnist"),
    goals=dict.fromkeys(("50 a class", "100 a class"), Goal(1.0)),
)
MNIST = Protocol("mnist-lowdata", setups(SIZES, fewer_arms("shift")), partial(make, "mnist"))
CIFAR = Protocol(
    "cifar-lowdata", setups((50, 200, 1000), fewer_arms("flip+shift")), partial(make, "cifar10")
)
