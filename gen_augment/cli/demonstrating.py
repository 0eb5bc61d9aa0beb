"""The parts of ``gen-augment demo``; each is kept in the folder as soon as it ends."""

import base64
import json
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jinja2 import ChoiceLoader, Environment, PackageLoader
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import DataLoader

from gen_augment.archive import check_writable, write_bytes, write_json
from gen_augment.cli.fitting import StepLines
from gen_augment.cli.terminal import err, out, progress, tell
from gen_augment.data import Rows
from gen_augment.distillation import Distilled
from gen_augment.errors import ArchiveError
from gen_augment.inject import AugmentedDataset
from gen_augment.samplers import BootstrapSampler, ConditionalVAE, KDESampler
from gen_augment.study import Split, Study, StudyInterrupted, StudyResult, Training
from gen_augment.study.findings import Design
from gen_augment.study.metrics import METRICS, all_scores
from gen_augment.study.pictures import example_grid
from gen_augment.study.report import as_number
from gen_augment.study.report.plots import difference_plot
from gen_augment.study.trial import columns
from gen_augment.training import Callback, Checkpoint

__all__ = ["tell_story"]

#: Training steps of the sampler that is shown, of those in the study, and of its networks.
N_STEPS, N_STUDY_STEPS, N_NETWORK_STEPS = 500, 250, 250
#: Paired repetitions of both studies.
N_SEEDS = 5
#: Training and validation rows of the small tree.
N_TRAIN, N_VALIDATION = 800, 400
#: Real nines that are left in the data that are counted; other digits have all their rows.
N_RARE = 20

TREE = {
    "real": "the labels of the data",
    "real:teacher": "the teacher's out-of-fold probabilities of the real rows",
    "repeat:teacher": "the same, and ten repeated rows for each real one, labelled by the teacher",
    "kde:10:teacher": "the same with ten synthetic rows for each real one, from a kernel density",
}
NEXT = {
    "gen-augment fit digits --sampler flow -o flow.safetensors": "fit the sampler whose rows are "
    "closest to real ones",
    "gen-augment audit flow.safetensors digits -o audit.html": "see what its rows are like",
    "gen-augment study YOUR.csv --target COLUMN --budget 10m": "ask the question about your data",
}


def tell_story(folder: Path) -> None:
    """Run all parts that the folder does not have yet, and write the page.

    Raises
    ------
    ArchiveError
        The folder cannot be written.
    """
    tell(
        out,
        "In about two minutes: fit a generator on 1,797 real digits, put exact counts of its rows "
        "into a DataLoader, and ask two studies whether such rows help. Ctrl-C loses nothing.",
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(f"cannot make the folder {folder}: {error.strerror}.") from error
    page = folder / "demo.html"
    check_writable(page)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # these networks are too small for more
    try:
        tell(out, "1/4 Fit a variational autoencoder.")
        sampler, grid = _fitted(folder)
        tell(out, "2/4 Fill up a rare class.")
        counts = _counted(sampler)
        real, filled = (counts[name][9] for name in ("real", "augmented"))
        tell(out, f"    The loader gives {filled} nines in a pass; {real} of them are real.")
        tell(out, "3/4 Do synthetic rows help a small tree to learn from a slow teacher?")
        tree, recovered = _tree_study(folder / "tree-trials.json")
        tell(out, f"    {tree.verdict()}")
        tell(out, "4/4 Do synthetic images help a small network?")
        images = _image_study(folder / "image-trials")
        tell(out, f"    {images.verdict()}")
    finally:
        torch.set_num_threads(n_threads)
    write_bytes(page, _page(grid, counts, tree, recovered, images).encode())
    tell(out, f"\nAll of it on one page: {page}\nThree commands to try next:")
    for command, why in NEXT.items():
        tell(out, f"  {command}    # {why}")


def _digits() -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    return (digits.images * 15.9).astype(np.uint8), digits.target


def _fitted(folder: Path) -> tuple[Any, bytes]:
    """Return the sampler, from the folder if it is there, and a picture of its rows."""
    X, y = _digits()
    path, partial = folder / "digits.safetensors", folder / "digits.safetensors.partial"
    if path.exists():
        sampler = ConditionalVAE.load(path, device="cpu")
    else:
        callbacks: list[Callback] = [Checkpoint(partial, every=100, resume=partial.exists())]
        if not err.is_terminal:
            callbacks.append(StepLines())
        sampler = ConditionalVAE(
            max_steps=N_STEPS,
            random_state=0,
            device="cpu",
            verbose=err.is_terminal,
            callbacks=callbacks,
        ).fit(X, y)
        sampler.save(path)
        partial.unlink(missing_ok=True)
    real = Rows.read(X, y)
    made = sampler.sample(y=np.repeat(np.arange(10), 8), random_state=0)
    picture = example_grid(real, real.replaced(made[0], made[1]))
    assert picture is not None  # noqa: S101 # images have pictures
    return sampler, picture


def _counted(sampler: Any) -> dict[str, dict[int, int]]:
    """Return labels of real rows with few nines, and of one pass through a loader."""
    X, y = _digits()
    kept = np.sort(np.concatenate([np.flatnonzero(y != 9), np.flatnonzero(y == 9)[:N_RARE]]))
    real: Any = [(X[i], int(y[i])) for i in kept]
    filled = AugmentedDataset(real, sampler, sampling_strategy="auto")
    loader = DataLoader(filled, batch_size=64, collate_fn=lambda rows: [int(r[1]) for r in rows])
    found = {"real": Counter(y[kept].tolist()), "augmented": Counter(chain.from_iterable(loader))}
    return {name: dict(sorted(counter.items())) for name, counter in found.items()}


def _tree_study(path: Path) -> tuple[StudyResult, float]:
    """Return the study in which rows pay, and the share of the teacher's advantage recovered."""
    settings = [N_TRAIN, N_VALIDATION, list(TREE)]
    known = json.loads(path.read_text()) if path.exists() else {}
    seeds = known.get("seeds", []) if known.get("settings") == settings else []
    with progress("seeds") as update:
        for seed in range(len(seeds), N_SEEDS):
            update(seed, N_SEEDS)
            seeds.append(_tree_seed(seed))
            write_json(path, {"settings": settings, "seeds": seeds})
    seeds = seeds[:N_SEEDS]
    trials = pd.DataFrame([trial for found in seeds for trial in found["trials"]])
    n_test = len(load_digits().target) - N_TRAIN - N_VALIDATION
    result = StudyResult(
        trials.reindex(columns=columns()).astype({"error": object}),
        {arm: arm.startswith("kde") for arm in TREE},
        (METRICS["balanced_accuracy"],),
        {"n_seeds": N_SEEDS, "name": "digits", "explained": TREE},
        Design(overlap=n_test / N_TRAIN, fixed_test=False),
    )
    return result, float(np.mean([found["recovered"] for found in seeds]))


def _tree_seed(seed: int) -> dict[str, Any]:
    """Train a tree of depth 12 under each arm; the teacher is the same for all."""
    X, y = load_digits(return_X_y=True)
    rest, X_test, y_rest, y_test = train_test_split(
        X, y, train_size=N_TRAIN + N_VALIDATION, stratify=y, random_state=seed
    )
    X_train, X_val, y_train, y_val = train_test_split(
        rest, y_rest, train_size=N_TRAIN, stratify=y_rest, random_state=seed
    )
    samplers = {
        "real:teacher": None,
        "repeat:teacher": BootstrapSampler(),
        "kde:10:teacher": KDESampler(),
    }
    tree, teacher = DecisionTreeClassifier(max_depth=12), ExtraTreesClassifier(100)
    models: dict[str, Any] = {
        "real": DecisionTreeClassifier(max_depth=12, random_state=seed).fit(X_train, y_train)
    }
    for arm, sampler in samplers.items():
        models[arm] = Distilled(tree, teacher, sampler, random_state=seed).fit(X_train, y_train)
    parts = {"train": (X_train, y_train), "validation": (X_val, y_val), "test": (X_test, y_test)}
    trials = [
        {
            "arm": arm,
            "seed": seed,
            "error": None,
            "n_train": N_TRAIN,
            **{
                f"{part}_{name}": value
                for part, (rows, labels) in parts.items()
                for name, value in all_scores(labels, model.predict_proba(rows), ()).items()
            },
        }
        for arm, model in models.items()
    ]
    recovered = models["kde:10:teacher"].recovered(X_test, y_test, scoring=balanced_accuracy_score)
    return {"trials": trials, "recovered": recovered}


def _image_study(folder: Path) -> StudyResult:
    """Return the study in which rows do not pay."""
    X, y = _digits()
    study = Study(
        X,
        y,
        arms=["real", "shift", "vae", "vae+shift"],
        samplers={"vae": ConditionalVAE(max_steps=N_STUDY_STEPS, device="cpu")},
        n_seeds=N_SEEDS,
        split=Split(per_class=20),
        training=Training(n_steps=N_NETWORK_STEPS, device="cpu"),
        name="digits",
    )
    with progress("trials") as update:
        try:
            return study.run(
                folder, n_jobs=1, on_trial=lambda trial, done, total: update(done, total)
            )
        except StudyInterrupted as error:
            raise KeyboardInterrupt from error


def _page(
    grid: bytes,
    counts: dict[str, dict[int, int]],
    tree: StudyResult,
    recovered: float,
    images: StudyResult,
) -> str:
    loader = ChoiceLoader(
        [PackageLoader("gen_augment.cli", ""), PackageLoader("gen_augment.study.report", "")]
    )
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters["number"] = as_number
    studies = [
        {
            "title": title,
            "verdict": found.verdict(),
            "plot": difference_plot(found, str(found.best(generative=False))),
            "arms": found.table().reset_index().to_dict("records"),
            "explained": found.protocol["explained"],
            "generative": found.arms,
        }
        for title, found in (
            ("A small tree learns from a slow teacher", tree),
            ("A small network learns from 20 images of each digit", images),
        )
    ]
    return environment.get_template("demo.html.j2").render(
        grid=base64.b64encode(grid).decode(),
        counts=counts,
        studies=studies,
        recovered=recovered,
        commands=NEXT,
    )
