"""Line plots of series, as pixels."""

import numpy as np
from torch import Tensor

__all__ = ["line_plots"]

HEIGHT, WIDTH = 48, 72
#: Colours of the channels, which start again after the last.
COLOURS = np.array(
    [(31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (255, 127, 14), (23, 190, 207)]
) / 255  # fmt: skip


def line_plots(
    rows: Tensor, lengths: np.ndarray, low: np.ndarray, high: np.ndarray, columns: int
) -> np.ndarray:
    """Draw each series in a box, with one colour for each channel.

    Parameters
    ----------
    rows : Tensor of shape (n, C, L)
    lengths : ndarray of shape (n,)
    low, high : ndarray of shape (C,)
        Values at the lower and upper edge of a box.
    columns : int
        Boxes in a line.

    Returns
    -------
    ndarray of shape (HEIGHT * lines, WIDTH * columns, 3), in [0, 1]
    """
    values = rows.detach().double().cpu().numpy()
    n_lines = -(-len(values) // columns)
    sheet = np.ones((n_lines, columns, HEIGHT, WIDTH, 3))
    span = np.where(high > low, high - low, 1)[:, None]
    for number, (series, length) in enumerate(zip(values, lengths.tolist(), strict=True)):
        box = sheet[number // columns, number % columns]
        share = (series - low[:, None]) / span  # 0 at the lower edge
        for channel, line in enumerate(share):
            _draw(box, line[:length], COLOURS[channel % len(COLOURS)], length / values.shape[2])
    return sheet.swapaxes(1, 2).reshape(n_lines * HEIGHT, columns * WIDTH, 3)


def _draw(box: np.ndarray, line: np.ndarray, colour: np.ndarray, share: float) -> None:
    """Draw a line over a share of the width, with all pixels between two neighbouring columns."""
    n_pixels = max(2, round(share * (WIDTH - 4)))
    places = np.linspace(0, len(line) - 1, n_pixels)
    at = np.interp(places, np.arange(len(line)), line).clip(0, 1)
    rows = np.rint(2 + (1 - at) * (HEIGHT - 5)).astype(int)
    before = np.concatenate([rows[:1], rows[:-1]])
    for column, (a, b) in enumerate(zip(before, rows, strict=True)):
        box[min(a, b) : max(a, b) + 1, column + 2] = colour
