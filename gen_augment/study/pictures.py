"""Pictures or lines of real and synthetic rows, for modalities that have them."""

import io
import json

import numpy as np
import torch
from matplotlib.figure import Figure

from gen_augment.data import Rows
from gen_augment.modalities import Codec
from gen_augment.neighbours import nearest
from gen_augment.study.arms import N_EXAMPLES

__all__ = ["example_grid", "example_lines"]

_MAX_CLASSES = 20
_WIDTH = 5.6  # inches
#: Lines of text of each class, and characters of a line.
_LINES, _MAX_CHARACTERS = 2, 300


def example_grid(real: Rows, synthetic: Rows, *, neighbours: bool = False) -> bytes | None:
    """Draw real rows on the left and synthetic ones on the right, one line per class.

    Parameters
    ----------
    real, synthetic : Rows
    neighbours : bool
        Whether to add, in the same places, the real row nearest to each synthetic one.

    Returns
    -------
    bytes or None
        A PNG of up to 20 classes, with brightness stretched to the range of the real rows; None if
        rows have no pictures.
    """
    codec, n_classes = real.codec, min(real.n_classes, _MAX_CLASSES)
    if codec.modality.sheet(codec, real.encoded[:1], 1) is None:
        return None
    parts = {"real": real, "synthetic": synthetic}
    if neighbours:
        made = codec.encode(synthetic.X).flatten(1)
        index = nearest(made, real.encoded.flatten(1))[1][:, 0].numpy()
        nearest_rows = real.part(index)
        parts["nearest real"] = real.replaced(nearest_rows.X, synthetic.codes)
    sheets = [_sheet(part, codec, n_classes) for part in parts.values()]
    low, high = float(np.nanmin(sheets[0])), float(np.nanmax(sheets[0]))
    shape = sheets[0].shape
    side = (_WIDTH - 1) / len(sheets)
    figure = Figure(figsize=(_WIDTH, side * shape[0] / shape[1] + 0.45), layout="constrained")
    axes = figure.subplots(1, len(sheets))
    for axis, sheet, title in zip(axes, sheets, parts, strict=True):
        stretched = (sheet - low) / max(high - low, 1e-6)
        axis.imshow(np.nan_to_num(stretched, nan=1.0).clip(0, 1), cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=12)
        axis.set_frame_on(False)
        axis.set_xticks([])
        axis.set_yticks([])
    line = shape[0] / n_classes
    centres = np.arange(n_classes) * line + line / 2
    labels = map(str, real.classes[:n_classes])
    names = [name if len(name) < 15 else name[:13] + "…" for name in labels]
    axes[0].set_yticks(centres, names, fontsize=11, parse_math=False)
    axes[0].tick_params(length=0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=220, bbox_inches="tight", pad_inches=0.03)
    return buffer.getvalue()


def example_lines(real: Rows, synthetic: Rows) -> bytes | None:
    """Return real rows, synthetic ones, and the real row nearest to each, as lines of text.

    Returns
    -------
    bytes or None
        JSON, a list of objects; None if rows are no text.
    """
    views = real.modality.views
    classes = [np.flatnonzero(synthetic.codes == code)[:_LINES] for code in range(_MAX_CLASSES)]
    shown = synthetic.part(np.concatenate(classes))
    made = views.lines(shown.X)
    if made is None:
        return None
    vectors, known = (views.vectors(real.codec, rows.X) for rows in (shown, real))
    near = views.lines(real.part(nearest(vectors, known)[1][:, 0].numpy()).X) or []
    of_class = [np.flatnonzero(real.codes == code) for code in shown.codes]
    place = [i % max(1, len(index)) for i, index in enumerate(of_class)]
    beside = [index[at] for index, at in zip(of_class, place, strict=True)]
    others = views.lines(real.part(np.array(beside)).X) or []
    labels = map(str, real.classes[shown.codes])
    names = ("class", "real", "synthetic", "nearest")
    lines = zip(labels, others, made, near, strict=True)
    records = [
        dict(zip(names, [text[:_MAX_CHARACTERS] for text in line], strict=True)) for line in lines
    ]
    return json.dumps(records).encode()


def _sheet(rows: Rows, codec: Codec, n_classes: int) -> np.ndarray:
    """Pictures of rows side by side, one line per class, in [0, 1] with NaN between them."""
    cells: dict[tuple[int, int], np.ndarray] = {}
    for code in range(n_classes):
        index = np.flatnonzero(rows.codes == code)[:N_EXAMPLES]
        encoded = codec.encode(rows.part(index).X) if len(index) else torch.empty(0)
        for column, row in enumerate(encoded):
            picture = codec.modality.sheet(codec, row[None], 1)
            assert picture is not None  # noqa: S101 # checked by the caller
            cells[code, column] = picture
    height, width, *channels = next(iter(cells.values())).shape
    gap = max(1, height // 16)
    down, across = height + gap, width + gap
    sheet = np.full((n_classes * down, N_EXAMPLES * across, *channels), np.nan)
    for (line, column), picture in cells.items():
        top, left = line * down, column * across
        sheet[top : top + height, left : left + width] = picture
    return sheet
