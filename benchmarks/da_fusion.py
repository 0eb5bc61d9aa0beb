"""DA-Fusion: versions of few photographs from a pretrained diffusion model.

The protocol of Trabucco et al., "Effective Data Augmentation With Diffusion Models", 2024
(arXiv:2302.07944). A pipeline learns one token for each class, by textual inversion in 1,000 steps
of 4 images. It makes ten versions of each training image, by SDEdit at strengths of 0.25, 0.5, 0.75
and 1. Half of the images that the classifier sees are synthetic. Training parts have 1, 2, 4, 8 and
16 images of each class, and validation parts as many. Arms beyond the paper: RandAugment, with and
without DA-Fusion; a LoRA of rank 8 besides the token; and new images from the LoRA instead of
versions.

It needs weights and data that this repository does not have, so its results are yours::

    python -m benchmarks da-fusion stable-diffusion-v1-4/ photos/ --model net.py:make_resnet

The pipeline is a folder that `save_pretrained` of diffusers wrote. The data is a folder with one
folder of images for each class. The paper's classifier is a ResNet-50 with the weights of ImageNet,
of which the last layer is trained; without --model it is the small CNN of studies.

``python -m benchmarks run da-fusion`` takes the two folders from GEN_AUGMENT_PIPELINE and
GEN_AUGMENT_PHOTOS. The quick size takes scikit-learn's digits and a pipeline of random weights.
"""

import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.harness import Record, Trials, markdown
from gen_augment.data import Rows
from gen_augment.data.sources import load_data
from gen_augment.errors import InputError
from gen_augment.samplers import DiffusersSampler
from gen_augment.study import Split, Study, Training
from gen_augment.study.models import load_model

__all__ = ["main", "make_study", "run", "table"]

PER_CLASS = (1, 2, 4, 8, 16)
SEEDS = 8
#: Ten versions of each image, at several strengths, which are half of what the classifier sees.
VERSIONS = "10:vary=0.25/0.5/0.75/1:share=0.5"
ARMS = (
    "real", "flip+randaugment", f"da-fusion:{VERSIONS}", f"da-fusion:{VERSIONS}+flip+randaugment",
    f"lora:{VERSIONS}+flip+randaugment", "lora:10:share=0.5+flip+randaugment",
)  # fmt: skip


def make_study(
    rows: Any,
    pipeline: Path,
    per_class: int,
    *,
    model: str | None = None,
    n_seeds: int = SEEDS,
    quick: bool = False,
    device: str = "auto",
) -> Study:
    """Return the study of one number of images of each class."""
    settings: dict[str, Any] = {"path": pipeline, "guidance": 7.5, "device": device}
    settings |= {"max_steps": 2, "num_inference_steps": 4} if quick else {"max_steps": 1000}
    samplers = {
        "da-fusion": DiffusersSampler(lora_rank=None, lr=1e-4, **settings),
        "lora": DiffusersSampler(lora_rank=8, **settings),
    }
    return Study(
        rows,
        model=None if model is None else load_model(model),
        arms=ARMS,
        samplers=samplers,
        mirror=True,
        n_seeds=n_seeds,
        split=Split(per_class=2 * per_class, validation_size=0.5, allow_fewer=True),
        training=Training(n_steps=3 if quick else None, device=device),
        name=f"{per_class} images of each class",
    )


def run(quick: bool) -> Record:
    """Run each number of images that is not there yet."""
    trials = Trials("da-fusion", quick)
    with TemporaryDirectory() as folder:
        rows, pipeline = _quick_data(Path(folder)) if quick else _data_of_environment()
        for per_class in (4,) if quick else PER_CLASS:
            study = partial(make_study, rows, pipeline, per_class, quick=quick)
            made = study(n_seeds=1, device="cpu") if quick else study()
            trials.add({"per_class": per_class}, partial(measure, made))
    return {"trials": trials.done}


def measure(study: Study, folder: Path | None = None) -> Record:
    """Run a study; return its verdict, and the mean balanced accuracy of each arm."""
    result = study.run(folder)
    scores = result.scores("test")
    means = {str(arm): float(scores[arm].mean()) for arm in scores.columns}
    return {"verdict": result.verdict(), "accuracy": means}


def table(results: Record) -> str:
    """Mean balanced accuracy in per cent, and the verdict of each number of images."""
    sizes = [str(trial["per_class"]) for trial in results["trials"]]
    lines = [
        [f"`{arm}`", *(f"{100 * trial['accuracy'][arm]:.1f}" for trial in results["trials"])]
        for arm in ARMS
    ]
    verdicts = [f"* {trial['per_class']}: {trial['verdict']}" for trial in results["trials"]]
    return "\n".join([markdown(["arm", *sizes], lines), "", *verdicts])


def main(
    pipeline: Annotated[Path, typer.Argument(help="Folder of a diffusion pipeline.")],
    data: Annotated[str, typer.Argument(help="Folder of one folder of images for each class.")],
    per_class: Annotated[
        list[int] | None, typer.Option(help="Images of each class; may be given several times.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Classifier, such as net.py:make_resnet.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1)] = SEEDS,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of results.")] = Path(
        "da-fusion"
    ),
    device: str = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="Check that the code runs.")] = False,
) -> None:
    """Run the protocol of DA-Fusion on your pipeline and your photographs; it can be resumed."""
    rows = load_data(data).rows
    found = []
    for n in per_class or PER_CLASS:
        study = make_study(
            rows, pipeline, n, model=model, n_seeds=seeds, quick=quick, device=device
        )
        found.append({"per_class": n} | measure(study, output / f"{n}-per-class"))
        text = table({"trials": found})
        (output / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def _data_of_environment() -> tuple[Any, Path]:
    named = {name: os.environ.get(name) for name in ("GEN_AUGMENT_PIPELINE", "GEN_AUGMENT_PHOTOS")}
    for name, folder in named.items():
        if not folder:
            raise InputError(f"{name} is not set: see the docstring of benchmarks/da_fusion.py.")
    return load_data(str(named["GEN_AUGMENT_PHOTOS"])).rows, Path(
        str(named["GEN_AUGMENT_PIPELINE"])
    )


def _quick_data(folder: Path) -> tuple[Any, Path]:
    from gen_augment.samplers.diffusion.toy import save_toy_pipeline

    rows = load_data("digits").head(12, 0).rows
    few = np.flatnonzero(rows.codes < 3)
    return Rows.read(rows.X[few], rows.codes[few]), save_toy_pipeline(folder / "pipeline", size=8)
