"""Does synthetic data make a classifier robust? Fashion-MNIST, 100 images a class, corrupted.

The rows and steps are those of ``fashion-lowdata``. The arms are its strongest, and
AugMix, which was made for such a test (without its Jensen-Shannon loss). AugMix and
RandAugment change brightness and contrast, which are among the corruptions.

Each classifier is also tested on 500 test images under ten kinds of common corruption
at five severities (see `gen_augment.modalities.image.corruptions`). Nothing is selected
on corrupted images: the arms are selected on clean validation images. All arms run all
seeds, since the finalists on clean images need not be the best on corrupted ones.

For their cost, the GAN and other arms of ``fashion-lowdata`` are left out, as in
``mnist-lowdata``. Estimated from the processor time of a step, a seed takes about 28
minutes of one core. The three arms with AugMix take ten of them.
"""

from collections import Counter
from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from benchmarks import lowdata
from benchmarks.comparison import paired, points
from benchmarks.harness import Record, markdown, unpack
from benchmarks.protocol import SEEDS, Protocol, Setup, images, test_part
from gen_augment.modalities import ImageCodec
from gen_augment.modalities.image.corruptions import SEVERITIES, chosen_rows, corrupt
from gen_augment.study import Study, StudyResult

__all__ = ["PROTOCOL", "figures", "summary", "table"]

KINDS = (
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "motion_blur",
    "brightness", "contrast", "elastic", "pixelate", "jpeg",
)  # fmt: skip
ROWS = "100 a class"


@lru_cache(maxsize=1)
def corrupted(quick: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return test images and labels under each kind and severity of corruption."""
    data = images("fashion-mnist", quick)
    X, y = test_part(data)
    chosen = chosen_rows(len(y), 10 if quick else 500)
    codec, known = ImageCodec.fit(data.X)
    return {
        f"{kind} {s}": (corrupt(X[chosen], kind, s, codec=codec, known=known), y[chosen])
        for kind in KINDS
        for s in SEVERITIES
    }


def make(rows: str, setup: Setup, seed: int, quick: bool) -> Study:
    """Return the study of one seed."""
    return lowdata.make("fashion-mnist", rows, setup, seed, quick, shifted=corrupted(quick))


MOVE = "flip+shift"
ARMS = (
    "augmix", f"{MOVE}+augmix", *lowdata.fewer_arms(MOVE), f"flow:1:share=0.25+{MOVE}+augmix",
)  # fmt: skip
PROTOCOL = Protocol("robustness", lowdata.setups([100], ARMS), make, first=SEEDS)


def _kept(results: Record, name: str) -> dict[tuple[int, str], np.ndarray]:
    """Return the packed numbers of each seed and arm."""
    return {
        (t["seed"], t["arm"]): np.array(unpack(t[name]))
        for t in results["trials"]
        if t["error"] is None
    }


def _scores(results: Record) -> dict[tuple[int, str], np.ndarray]:
    """Return balanced accuracy by kind and severity, of each seed and arm."""
    shape = (len(KINDS), len(SEVERITIES))
    return {key: found.reshape(shape) for key, found in _kept(results, "robustness").items()}


def table(results: Record) -> str:
    """Return tables of clean and of corrupted images.

    The second has the mean over corruptions, its gain, and the score of each severity; the third
    has the arms that ran more seeds, if some did.
    """
    whole, seeds = PROTOCOL.result(results, ROWS), Counter(arm for _, arm in _scores(results))
    most = max(seeds.values(), default=0)
    long = tuple(arm for arm in ARMS if seeds[arm] == most)
    more = PROTOCOL.result(results, ROWS, long) if most > min(seeds.values(), default=0) else None
    parts = [PROTOCOL.table(results), *_corrupted(results, whole), *_corrupted(results, more)]
    return "\n\n".join(parts)


def summary(results: Record) -> str:
    """Return the tables of the finalists alone."""
    best = PROTOCOL.finalists(results, ROWS)
    corrupted = _corrupted(results, PROTOCOL.result(results, ROWS, best)) if best else []
    return "\n\n".join([PROTOCOL.summary(results), *corrupted])


def _corrupted(results: Record, result: StudyResult | None) -> list[str]:
    if result is None or (reference := result.best(generative=False)) is None:
        return []
    scores = _scores(results)
    means = {key: float(found.mean()) for key, found in scores.items()}
    left_out = _kept(results, "robustness_left_out")
    lines = []
    for arm in result.scores().columns:
        each = np.mean([scores[seed, arm] for seed in result.scores().index], axis=0)
        gain = "" if arm == reference else points(paired(result, means, left_out, arm, reference))
        lines.append(
            [
                str(arm),
                f"{100 * each.mean():.1f}",
                gain,
                *(f"{100 * s:.1f}" for s in each.mean(axis=0)),
            ]
        )
    header = [
        "arm",
        "balanced accuracy on corrupted images, %",
        f"gain over {reference}, points",
        *(f"severity {s}, %" for s in SEVERITIES),
    ]
    name = "seed" if result.n_seeds == 1 else "seeds"
    return [f"**Corrupted images**, {result.n_seeds} {name}\n\n{markdown(header, lines)}"]


def figures(results: Record) -> dict[str, Figure]:
    """Draw balanced accuracy against severity for each kind, of the two compared arms."""
    result = PROTOCOL.result(results, ROWS)
    if result is None:
        return {}
    scores = _scores(results)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    panels = figure.subplots(2, 5, sharex=True, sharey=True)
    for arm in filter(None, ("real", result.best(generative=False), result.best(generative=True))):
        each = 100 * np.mean([scores[seed, arm] for seed in result.scores().index], axis=0)
        for axes, kind, heights in zip(panels.flat, KINDS, each, strict=True):
            axes.plot(SEVERITIES, heights, marker="o", ms=3, label=arm)
            axes.set_title(kind.replace("_", " "), fontsize=9)
    panels[0, 0].set_ylabel("balanced accuracy, %")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    return {"severity": figure}
