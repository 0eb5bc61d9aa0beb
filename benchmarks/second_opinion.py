"""A second opinion: the density of a flow, added to the predictions of networks.

A flow is trained on the rows that the networks are trained on. Classes are compared by its
denoising loss, and their scores are added to the log-probabilities of three small CNNs: two
weights, fitted on validation images (half as many as for training), which nothing else uses.

The bars are one CNN, three CNNs averaged, and as many as the flow's cost buys besides three:
processor time of the fit and of the scores, divided by that of a CNN, rounded up. All networks are
trained under RandAugment, in as many steps as a study's. For data whose mirror image has the same
label, CNNs predict the mean over an image and its mirror image where a name ends in "mirrored". The
best ensemble is the better one of equal cost, mirrored or not, by its mean accuracy on test: a
choice in its favour. Where a name ends in "scaled", the log-probabilities of an ensemble have one
weight that is fitted on the same validation images, which is temperature scaling.

Each seed draws its training, validation and 1,000 test images; seeds 0 to 2 are left out,
because settings were chosen on them, and so is seed 100, on which times were. Intervals are
Student's over seeds.

The goal: 1 point over the best ensemble at 20 and 50 images a class of Fashion-MNIST, with an
interval above 0.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.arrays import Data
from benchmarks.comparison import points
from benchmarks.harness import WORK, Measured, Record, Trials, markdown, measured_figure
from benchmarks.lowdata import STEPS, cifar_folder
from benchmarks.protocol import DEVICE, PRECISION, images, test_part
from gen_augment.classify.weights import fit_weights, weighted_proba
from gen_augment.data import Rows
from gen_augment.rng import derive_seed
from gen_augment.samplers import ConditionalFlow
from gen_augment.study import Training, parse_arm
from gen_augment.study.arms import Pool
from gen_augment.study.fitting import fit_predict
from gen_augment.study.models import default_steps
from gen_augment.study.statistics import paired_interval

__all__ = ["figures", "run", "table"]

DATA = {"fashion-mnist": "fashion-mnist", "mnist": "mnist", "cifar10": None}
SIZES = (10, 20, 50, 100, 500)
#: Those that the goal is about come first.
ORDER = [("fashion-mnist", 20), ("fashion-mnist", 50)]
SEEDS = range(3, 13)
N_TEST, N_CNNS, MAX_CNNS = 1000, 3, 12
#: Validation images of each class are half as many as training images.
ENSEMBLE, EQUAL = f"{N_CNNS} CNNs", "equal cost"

Timed = dict[str, np.ndarray]


def settings() -> list[tuple[str, int]]:
    """Return data sets and images of a class, those of the goal first."""
    every = [(name, n) for n in SIZES for name in DATA]
    return [*ORDER, *(one for one in every if one not in ORDER)]


def run(quick: bool) -> Record:
    """Run every setting and seed that is not there yet."""
    trials = Trials("second-opinion", quick)
    for name, n in [("fashion-mnist", 10)] if quick else settings():
        for seed in list(SEEDS)[: 1 if quick else None]:
            key = {"data": name, "per_class": n, "seed": seed}
            trials.add(key, partial(trial, name, n, seed, quick))
    return {"trials": trials.done}


def trial(name: str, n: int, seed: int, quick: bool) -> Record:
    """Train the networks and the flow of one seed, and score all ways to use them."""
    data = images(name if DATA[name] else str(cifar_folder()), quick)
    mirror = data.mirror or name == "cifar10"
    train, validation, test = draw(data, n, seed, 40 if quick else N_TEST)
    parts = {"validation": validation.X, "test": test.X}
    folder = None if quick else WORK / "second-opinion" / f"{name}-{n}-{seed}"
    steps = (20, 20) if quick else (default_steps(len(train)), STEPS[n][2])

    def cnn(k: int) -> Timed:
        made = partial(train_cnn, train, parts, steps[0], mirror, derive_seed(seed, "cnn", k))
        return kept(folder, f"cnn-{k}", made)

    cnns = [cnn(k) for k in range(N_CNNS)]
    flow = kept(folder, "flow", partial(score_flow, train, parts, steps[1], mirror, seed, quick))
    cnn_seconds = float(np.mean([one["seconds"] for one in cnns]))
    n_equal = N_CNNS + int(np.ceil(float(flow["seconds"]) / cnn_seconds))
    n_equal = min(n_equal, N_CNNS + 1 if quick else MAX_CNNS)
    cnns += [cnn(k) for k in range(N_CNNS, n_equal)]
    found = {"n_equal": n_equal, "cnn_seconds": cnn_seconds, "flow_seconds": float(flow["seconds"])}
    codes = {"validation": validation.codes, "test": test.codes}
    found |= compare(cnns, flow, codes, mirror)
    return {name: rounded(value) for name, value in found.items()}


def draw(data: Data, n: int, seed: int, n_test: int) -> tuple[Rows, Rows, Rows]:
    """Return training, validation and test rows without repeated images."""
    rows = Rows.read(data.X, data.y)
    rng = np.random.default_rng(derive_seed(seed, "second opinion", n))
    groups = [rng.permutation(np.flatnonzero(rows.codes == code)) for code in range(rows.n_classes)]
    train = rows.part(np.concatenate([group[:n] for group in groups]))
    validation = rows.part(np.concatenate([group[n : n + n // 2] for group in groups]))
    X, y = test_part(data)
    test = rows.part(np.arange(1)).like(X, y).part(rng.permutation(len(y))[:n_test])
    validation = validation.part(np.flatnonzero(~np.isin(validation.digests, train.digests)))
    return train, validation, test.part(np.flatnonzero(~np.isin(test.digests, train.digests)))


def score_flow(
    train: Rows, parts: dict[str, Any], n_steps: int, mirror: bool, seed: int, quick: bool
) -> Timed:
    """Fit a flow and score the classes of other rows; with the processor's seconds."""
    start = time.process_time()
    size: Any = {"width": 4} if quick else {}
    flow = ConditionalFlow(
        max_steps=n_steps, mirror=mirror, precision=PRECISION, device=DEVICE,
        random_state=derive_seed(seed, "flow") % 2**31, **size,
    ).fit(train)  # fmt: skip
    found = {part: flow.class_scores(X) for part, X in parts.items()}
    return found | {"seconds": np.array(time.process_time() - start)}


def train_cnn(train: Rows, parts: dict[str, Any], n_steps: int, mirror: bool, seed: int) -> Timed:
    """Train a small CNN under RandAugment and predict other rows, and their mirror images."""
    start = time.process_time()
    training = Training(n_steps, device=DEVICE, precision=PRECISION)
    model = train.modality.classifier(train.spec)
    predict = fit_predict(model, parse_arm("randaugment", {}), Pool(train), train, seed, training)
    found = {part: predict(X) for part, X in parts.items()}
    found["seconds"] = np.array(time.process_time() - start)
    if mirror:
        for part, X in parts.items():
            x = train.codec.encode(X)
            mirrored = predict(train.codec.decode(train.modality.networks.mirror(x)))
            found[f"{part} mirrored"] = (found[part] + mirrored) / 2
    return found


def kept(folder: Path | None, name: str, make: Callable[[], Timed]) -> Timed:
    """Return what a stopped run has made already, or make it."""
    if folder is None:
        return make()
    path = folder / f"{name}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **make())  # type: ignore[arg-type]
        part.rename(path)
        print(path, flush=True)
    with np.load(path) as found:
        return dict(found)


def compare(cnns: list[Timed], flow: Timed, codes: dict[str, np.ndarray], mirror: bool) -> Record:
    """Return accuracy, log loss and calibration error of each way, and the weights."""
    out: Record = {}
    ensembles = {"1 CNN": cnns[:1], ENSEMBLE: cnns[:N_CNNS], EQUAL: cnns}

    def judge(name: str, proba: np.ndarray) -> None:
        out[f"{name}: accuracy"] = 100 * float((proba.argmax(axis=1) == codes["test"]).mean())
        hit = proba[np.arange(len(proba)), codes["test"]].clip(1e-12)
        out[f"{name}: log loss"] = float(-np.log(hit).mean())
        out[f"{name}: calibration error"] = 100 * calibration_error(proba, codes["test"])

    weights = fit_weights([flow["validation"]], codes["validation"])
    judge("flow", weighted_proba([flow["test"]], weights, 0.0))
    for suffix in ("", " mirrored") if mirror else ("",):
        means = {
            name: {
                part: np.mean([one[part + suffix] for one in members], axis=0)
                for part in ("validation", "test")
            }
            for name, members in ensembles.items()
        }
        for name, mean in means.items():
            judge(name + suffix, mean["test"])
            term = {part: [np.log(mean[part].clip(1e-12))] for part in mean}
            weights = fit_weights(term["validation"], codes["validation"])
            judge(f"{name}{suffix}, scaled", weighted_proba(term["test"], weights, 0.0))
        for name in ("1 CNN", ENSEMBLE):
            terms = {
                part: [np.log(means[name][part].clip(1e-12)), flow[part]]
                for part in ("validation", "test")
            }
            weights = fit_weights(terms["validation"], codes["validation"])
            blended = f"{name}{suffix} + flow"
            judge(blended, weighted_proba(terms["test"], weights, 0.0))
            out[f"{blended}: weight of scores"] = float(weights[1] / max(weights[0], 1e-12))
    return out


def calibration_error(proba: np.ndarray, codes: np.ndarray, n_bins: int = 15) -> float:
    """Return the expected calibration error (Naeini et al., AAAI 2015), in equal bins."""
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == codes
    place = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = [abs((right - confidence)[place == b].sum()) for b in range(n_bins)]
    return float(np.sum(gaps) / len(codes))


def rounded(value: Any) -> Any:
    """Return numbers with five digits after the point."""
    return round(value, 5) if isinstance(value, float) else value


def frames(results: Record) -> dict[str, pd.DataFrame]:
    """Return the trials of each setting, one row a seed."""
    found = pd.DataFrame([t for t in results["trials"] if t.get("error") is None])
    if found.empty:
        return {}
    order = {f"{name}, {n} a class": (name, n) for name, n in settings()}
    groups = {
        title: found[(found["data"] == name) & (found["per_class"] == n)].dropna(axis=1, how="all")
        for title, (name, n) in order.items()
    }
    return {title: frame for title, frame in groups.items() if len(frame)}


def bars(frame: pd.DataFrame) -> tuple[str, str]:
    """Return the best ensemble of equal cost, and the blend that is compared with it."""
    mean = frame.filter(like=": accuracy").mean()
    suffixes = [s for s in ("", " mirrored") if f"{EQUAL}{s}: accuracy" in mean]
    best = max(suffixes, key=lambda s: float(mean[f"{EQUAL}{s}: accuracy"]))
    return f"{EQUAL}{best}", f"{ENSEMBLE}{best} + flow"


def gain(frame: pd.DataFrame, arm: str, reference: str) -> Any:
    """Return the interval of the difference of two accuracies, in shares."""
    difference = frame[f"{arm}: accuracy"] - frame[f"{reference}: accuracy"]
    return paired_interval((difference / 100).tolist())


def table(results: Record) -> str:
    """Tabulate accuracy, log loss and calibration error of each way, and the gain."""
    parts = []
    for title, frame in frames(results).items():
        names = [str(c).removesuffix(": accuracy") for c in frame.filter(like=": accuracy")]
        lines = [
            [name, *(f"{frame[f'{name}: {what}'].mean():.{digits}f}" for what, digits in _SHOWN)]
            for name in names
        ]
        reference, arm = bars(frame)
        n_equal = frame["n_equal"].mean()
        parts.append(
            f"**{title}**, {len(frame)} seed{'s' * (len(frame) > 1)}\n\n"
            + markdown(["", *(f"{what}{' (%)' * (d == 1)}" for what, d in _SHOWN)], lines)
            + f"\n\n{arm} less {reference} ({n_equal:.1f} CNNs): "
            f"{points(gain(frame, arm, reference))} points. {ENSEMBLE} + flow less {ENSEMBLE}: "
            f"{points(gain(frame, f'{ENSEMBLE} + flow', ENSEMBLE))}. "
            f"A flow takes {frame['flow_seconds'].mean():.0f} s, a CNN "
            f"{frame['cnn_seconds'].mean():.0f} s "
            "of one core."
        )
    return "\n\n".join(parts) or "No trial has ended yet."


#: Columns of the table, and digits after the point.
_SHOWN = (("accuracy", 1), ("log loss", 3), ("calibration error", 1))


def figures(results: Record) -> dict[str, Figure]:
    """Draw the gain over the best ensemble of equal cost, by setting."""
    found = {}
    for title, frame in frames(results).items():
        reference, arm = bars(frame)
        g = gain(frame, arm, reference)
        low, high = (g.low, g.high) if len(frame) > 1 else (g.mean, g.mean)
        goal = 1.0 if any(title == f"{name}, {n} a class" for name, n in ORDER) else None
        found[title] = Measured(100 * g.mean, 100 * low, 100 * high, goal)
    if not found:
        return {}
    return {"gains": measured_figure(found, "gain of the blend, points", ratios=False)}
