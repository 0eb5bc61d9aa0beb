"""Do samplers transfer from other classes? Fashion-MNIST, five classes with 20 images each.

The other five classes, with 1,000 images each, are the source. Each seed shuffles the
classes. The arm is selected on ten validation images of each new class. The test images
are those of the new classes. "init-" samplers start from a sampler fitted on the
source. `PairedVAE` is designed for this: it learns how images of a class differ, and
applies the differences to new classes.

"From scratch" trains the classifier from random weights. "Fine-tuned" lets every arm
start from a classifier of the source. Its best arm without a sampler is the baseline
that matters. Synthetic rows are added under RandAugment, the best recipe of
``fashion-lowdata``, as a quarter of what the classifier sees, or as new versions of the
rows, as in DAGAN.

For their cost, these are left out: four synthetic rows for each real one, varied rows of
the flow, latent SMOTE, which needs a fit of its own, and Cutout. On one thread beside other
processes, a seed took 25 to 30 minutes: 16 to 19 from scratch, with the source, and 10 fine-tuned.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from benchmarks.arrays import Data
from benchmarks.harness import WORK
from benchmarks.image_studies import Fitted, coded, image_samplers, one_seed, trained
from benchmarks.lowdata import pixel_smote
from benchmarks.protocol import Protocol, Setup, images, test_part
from gen_augment.archive import write_bytes
from gen_augment.containers import take
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.rng import derive_seed
from gen_augment.samplers import Sampler, load_sampler
from gen_augment.study import Study
from gen_augment.study.models import default_steps

__all__ = ["PROTOCOL", "Started"]

N_SOURCE, N_FEW = 1000, 20
MOVE, RECIPE = "flip+shift", "randaugment"
STEPS = {"classifier": default_steps(5 * N_FEW)} | dict.fromkeys(
    ("flow", "init-flow", "paired", "init-paired"), 1000
)
SOURCE_STEPS = {"flow": 2000, "paired": 2000, "classifier": default_steps(5 * N_SOURCE)}
ARMS = (
    "real", "repeat", "mixup", "cutmix", f"{MOVE}+mixup", RECIPE, f"{MOVE}+{RECIPE}",
    f"pixel-smote+{RECIPE}",
    *(f"{name}:1:share=0.25+{RECIPE}" for name in ("flow", "init-flow", "paired", "init-paired")),
    f"init-paired:1:vary=0.5+{RECIPE}",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Samplers and classifier weights of the source classes, identified by `seed`."""

    seed: int
    samplers: dict[str, Sampler] = field(repr=False)
    weights: dict[str, Tensor] = field(repr=False)


class Started(Fitted):
    """A sampler that starts from the sampler with its name that was fitted on the source.

    Parameters
    ----------
    sampler : Sampler
    name : str
        Name of the sampler of the source.
    source : Source
    random_state : int
    """

    def __init__(self, sampler: Any, name: str, source: Source, random_state: int = 0) -> None:
        self.sampler = sampler
        self.name = name
        self.source = source
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Continue the training with the new classes."""
        self.fitted_ = self.fresh().fit(X, y, init=self.source.samplers[self.name])
        return self


class Classes(NamedTuple):
    """Data of the source classes, and data of the new classes with a test part."""

    source: Data
    new: Data


def split_classes(seed: int, quick: bool) -> Classes:
    """Return five source classes and five new classes. The seed shuffles the classes."""
    data = images("fashion-mnist", quick)
    old, new = (
        np.random.default_rng(derive_seed(seed, "classes"))
        .permutation(np.unique(data.y))
        .reshape(2, 5)
    )
    source = Data(data.name, *_only(data.X, data.y, old))
    test = _only(*test_part(data), new)
    few = Data(data.name, *_only(data.X, data.y, new), test=test, mirror=data.mirror)
    return Classes(source.head(10 if quick else N_SOURCE, derive_seed(seed, "source")), few)


def _only(X: Any, y: np.ndarray, classes: np.ndarray) -> tuple[Any, np.ndarray]:
    index = np.flatnonzero(np.isin(y, classes))
    return take(X, index), y[index]


@lru_cache(maxsize=1)
def source(seed: int, quick: bool) -> Source:
    """Return all that is learned from the source classes.

    Both set-ups of a seed start from it, and so does a resumed run.
    """
    data = split_classes(seed, quick).source
    steps = dict.fromkeys(SOURCE_STEPS, 3) if quick else SOURCE_STEPS
    with TemporaryDirectory() as nowhere:
        kept = WORK / "transfer-source" / "-".join(map(str, (seed, *steps.values())))
        folder = Path(nowhere) if quick else kept
        folder.mkdir(parents=True, exist_ok=True)
        files = {name: folder / f"{name}.safetensors" for name in steps}
        for name, sampler in image_samplers(steps, True, quick).items():
            if not files[name].exists():
                sampler.set_params(random_state=derive_seed(seed, "source") % 2**31).fit(
                    data.X, data.y
                )
                sampler.save(files[name])
        if not files["classifier"].exists():
            write_bytes(
                files["classifier"],
                save(_classifier(data, derive_seed(seed, "source"), steps["classifier"])),
            )
        samplers = {
            name: load_sampler(file) for name, file in files.items() if name != "classifier"
        }
        return Source(seed, samplers, load(files["classifier"].read_bytes()))


def _classifier(data: Data, seed: int, n_steps: int) -> dict[str, Tensor]:
    """Return the weights of a classifier trained on `data`."""
    labels, codes = np.unique(data.y, return_inverse=True)
    real, made = coded(data.X, codes), list[nn.Module]()

    def network() -> nn.Module:
        made.append(SmallCNN((1, *data.X.shape[1:]), len(labels)))
        return made[-1]

    trained(real, RECIPE, seed, n_steps, network)
    return {name: weights.cpu().contiguous() for name, weights in made[-1].state_dict().items()}


def make(rows: str, setup: Setup, seed: int, quick: bool) -> Study:
    """Return the study of one seed."""
    known, data = source(seed, quick), split_classes(seed, quick).new
    fresh = image_samplers(setup.steps, data.mirror, quick)
    samplers = fresh | {
        f"init-{name}": Started(fresh[name], name, known) for name in ("flow", "paired")
    }

    def fine_tuned() -> nn.Module:
        network = SmallCNN((1, *data.X.shape[1:]), 5)
        head = list(network.state_dict())[-2:]  # the last layer belongs to the source classes
        with torch.no_grad():
            network.load_state_dict(
                known.weights | {name: network.state_dict()[name] for name in head}
            )
        return network

    model = fine_tuned if rows == "fine-tuned" else None
    per_class = 9 if quick else N_FEW * 3 // 2
    own = {"pixel-smote": pixel_smote()}
    return one_seed(
        data, setup, samplers, seed, own, model=model, per_class=per_class, validation_size=1 / 3
    )


PROTOCOL = Protocol(
    "transfer",
    {rows: Setup(ARMS, STEPS) for rows in ("from scratch", "fine-tuned")},
    make,
    (("DAGAN on Omniglot", "69 to 82"), ("DAGAN on EMNIST", "73.9 to 76")),
    "Antoniou, Storkey and Edwards, DAGAN (arXiv:1711.04340), accuracy without and with synthetic "
    "rows, from its abstract. It uses other data, many source classes and another classifier: "
    "compare the sizes of gains alone.",
)
