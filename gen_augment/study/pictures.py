"""Pictures of a study: real beside synthetic images, and paired differences."""

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gen_augment.codecs import infer_codec
from gen_augment.study.task import Part, take

if TYPE_CHECKING:
    from gen_augment.study.result import StudyResult

__all__ = ["difference_plot", "example_grid"]

N_SHOWN = 8
_BASELINE, _GENERATIVE = "#52606d", "#b44d12"


def example_grid(real: Part, synthetic: Part, labels: np.ndarray) -> bytes:
    """PNG: a row for each of up to 20 classes, real training images on the left, synthetic ones on the right."""
    codec, _ = infer_codec(real.X)
    shown = range(min(len(labels), 20))
    figure = Figure(figsize=(11, 0.62 * len(shown) + 0.4), layout="constrained")
    axes = figure.subplots(len(shown), 2, squeeze=False)
    for row, code in enumerate(shown):
        for column, part in enumerate((real, synthetic)):
            index = np.flatnonzero(part.codes == code)[:N_SHOWN]
            axis = axes[row, column]
            if len(index):
                images = ((codec.encode(take(part.X, index)) + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
                padded = np.ones((N_SHOWN, *images.shape[1:]))
                padded[: len(images)] = images
                axis.imshow(np.concatenate(list(padded), axis=1).squeeze(), cmap="gray", vmin=0, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_frame_on(False)
        axes[row, 0].set_ylabel(str(labels[code])[:14], rotation=0, ha="right", va="center")
    axes[0, 0].set_title("real", fontsize=11)
    axes[0, 1].set_title("synthetic", fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def difference_plot(result: "StudyResult", reference: str) -> str:
    """SVG: each arm's paired test differences to `reference`, one dot a seed, with mean and 95% interval."""
    scores = result.scores()
    arms = [arm for arm in scores.columns if arm != reference]
    figure = Figure(figsize=(8, 0.5 * len(arms) + 1.1), layout="constrained")
    axis = figure.subplots()
    for height, arm in enumerate(reversed(arms)):
        found = result.difference(arm, reference)
        sign = 1 if result.higher_is_better else -1
        dots = sign * (scores[arm] - scores[reference]) * result.scale
        colour = _GENERATIVE if result.arms[arm] else _BASELINE
        axis.scatter(dots, np.full(len(dots), height - 0.16), s=14, color=colour, alpha=0.55, linewidths=0)
        if np.isfinite(found.low):
            axis.plot([found.low * result.scale, found.high * result.scale], [height, height], color=colour, lw=2.2)
        axis.plot(found.mean * result.scale, height, "D", color=colour, ms=6)
    axis.axvline(0, color="#1f2933", lw=1)
    axis.set_yticks(range(len(arms)), [*reversed(arms)])
    axis.set_ylim(-0.6, len(arms) - 0.4)
    axis.set_xlabel(
        f"difference to {reference}, {result.metric_label}{result.unit and ' in' + result.unit}, right is better"
    )
    axis.grid(axis="x", color="#d9dde1", lw=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]
