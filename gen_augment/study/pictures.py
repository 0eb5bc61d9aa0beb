"""Pictures of a study: real beside synthetic images, and paired differences."""

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gen_augment.codecs import Codec, infer_codec, take
from gen_augment.neighbours import nearest
from gen_augment.study.arms import N_EXAMPLES
from gen_augment.study.plots import BASELINE, GENERATIVE, WIDTH, as_svg
from gen_augment.study.task import Part

if TYPE_CHECKING:
    from gen_augment.study.result import StudyResult

__all__ = ["difference_plot", "example_grid"]

_MAX_CLASSES = 20


def example_grid(
    real: Part, synthetic: Part, labels: np.ndarray, *, neighbours: bool = False
) -> bytes:
    """PNG: a row for each of up to 20 classes, real training images on the left, synthetic ones right of them.

    With `neighbours`, the training image nearest to each synthetic one comes right of those, in the same place. All
    have the brightness stretched by what the real images span.
    """
    codec, rows = infer_codec(real.X)
    n_classes = min(len(labels), _MAX_CLASSES)
    parts = {"real": real, "synthetic": synthetic}
    if neighbours:
        made = codec.encode(synthetic.X).flatten(1).double()
        index = nearest(made, rows.flatten(1).double())[1][:, 0].numpy()
        parts["nearest real"] = Part(take(real.X, index), synthetic.codes)
    sheets = [_sheet(part, codec, n_classes) for part in parts.values()]
    low, high = float(np.nanmin(sheets[0])), float(np.nanmax(sheets[0]))
    height = codec.shape[1]
    side = (WIDTH - 1) / len(sheets)
    rows_high = side * sheets[0].shape[0] / sheets[0].shape[1]
    figure = Figure(figsize=(WIDTH, rows_high + 0.45), layout="constrained")
    axes = figure.subplots(1, len(sheets))
    for axis, sheet, title in zip(axes, sheets, parts, strict=True):
        stretched = (sheet - low) / max(high - low, 1e-6)
        axis.imshow(np.nan_to_num(stretched, nan=1.0).clip(0, 1), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=12)
        axis.set_frame_on(False)
        axis.set_xticks([])
        axis.set_yticks([])
    centres = np.arange(n_classes) * (height + _gap(height)) + height / 2
    names = [name if len(name) < 15 else name[:13] + "…" for name in map(str, labels[:n_classes])]
    axes[0].set_yticks(centres, names, fontsize=11, parse_math=False)
    axes[0].tick_params(length=0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=220, bbox_inches="tight", pad_inches=0.03)
    return buffer.getvalue()


def _sheet(part: Part, codec: Codec, n_classes: int) -> np.ndarray:
    """Images side by side, a row a class, as ``(rows, columns[, 3])`` in [-1, 1] with NaN between them."""
    channels, height, width = codec.shape
    down, across = height + _gap(height), width + _gap(height)
    sheet = np.full((n_classes * down, N_EXAMPLES * across, channels), np.nan)
    for code in range(n_classes):
        index = np.flatnonzero(part.codes == code)[:N_EXAMPLES]
        if len(index):
            images = codec.encode(take(part.X, index)).permute(0, 2, 3, 1).numpy()
            for column, image in enumerate(images):
                sheet[
                    code * down : code * down + height, column * across : column * across + width
                ] = image
    return sheet.squeeze(-1) if channels == 1 else sheet


def _gap(side: int) -> int:
    return max(1, side // 16)


def difference_plot(result: "StudyResult", reference: str) -> str:
    """SVG: each arm's paired test differences to `reference`, one dot a seed, with mean and 95% interval."""
    scores = result.scores()
    arms = [arm for arm in scores.columns if arm != reference]
    figure = Figure(figsize=(WIDTH, 0.4 * len(arms) + 1), layout="constrained")
    axis = figure.subplots()
    for height, arm in enumerate(reversed(arms)):
        found = result.difference(arm, reference)
        sign = 1 if result.higher_is_better else -1
        dots = sign * (scores[arm] - scores[reference]) * result.scale
        colour = GENERATIVE if result.arms[arm] else BASELINE
        axis.scatter(
            dots, np.full(len(dots), height - 0.22), s=22, color=colour, alpha=0.6, linewidths=0
        )
        if np.isfinite(found.low):
            axis.plot(
                [found.low * result.scale, found.high * result.scale],
                [height, height],
                color=colour,
                lw=2.2,
            )
        axis.plot(found.mean * result.scale, height, "D", color=colour, ms=6)
    axis.axvline(0, color="#1f2933", lw=1)
    axis.set_yticks(range(len(arms)), [*reversed(arms)])
    axis.tick_params(labelsize=11)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(-0.6, len(arms) - 0.4)
    axis.set_xlabel(
        f"{result.metric_label}{result.unit and ',' + result.unit}:\ndifference to {reference}, right is better",
        fontsize=11,
    )
    axis.grid(axis="x", color="#d9dde1", lw=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    return as_svg(figure)
