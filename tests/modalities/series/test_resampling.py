"""Interpolation against NumPy's, and dynamic time warping against its definition."""

import numpy as np
import torch

from gen_augment.modalities.series.resampling import align, dtw_paths, resample


def test_resampling_is_numpys_interpolation() -> None:
    rng = np.random.default_rng(0)
    x, places = rng.normal(size=(4, 2, 9)), rng.uniform(-2, 11, (4, 30))
    found = resample(torch.from_numpy(x), torch.from_numpy(places)).numpy()
    for row in range(4):
        for channel in range(2):
            expected = np.interp(places[row], np.arange(9), x[row, channel])
            np.testing.assert_allclose(found[row, channel], expected, atol=1e-12)


def slow_dtw(a: np.ndarray, b: np.ndarray) -> float:
    """Recursive definition of the squared dynamic time warping distance."""
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    total[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            least = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = (a[i] - b[j]) ** 2 + least
    return float(total[-1, -1])


def test_paths_have_the_least_cost() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 6, 1, 13))
    cost = np.zeros(6)
    steps = []
    for i, j, on_path in dtw_paths(torch.from_numpy(a), torch.from_numpy(b)):
        rows = np.arange(6)
        cost += (a[rows, 0, i] - b[rows, 0, j]) ** 2 * on_path.numpy()
        steps.append((i.numpy(), j.numpy()))
    np.testing.assert_allclose(
        cost, [slow_dtw(x, z) for x, z in zip(a[:, 0], b[:, 0], strict=True)]
    )
    assert (steps[0][0] == 12).all()
    assert (steps[-1][0] == 0).all()


def test_a_warped_series_is_aligned_with_its_original() -> None:
    t = torch.linspace(0, 1, 60)
    bump = torch.exp(-((t - 0.3) ** 2) / 0.005)[None, None]
    later = torch.exp(-((t - 0.6) ** 2) / 0.005)[None, None]
    assert (later - bump).abs().max() > 0.9
    assert (align(later, bump) - bump).abs().max() < 0.1
    torch.testing.assert_close(align(bump, bump), bump)
