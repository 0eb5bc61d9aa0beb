"""Transforms change the values and keep the documented properties."""

import numpy as np
import pytest
import torch

from gen_augment.modalities.series.transforms import RECIPES, TRANSFORMS

T = torch.linspace(0, 1, 80)
X = torch.stack([torch.stack([torch.sin(6 * T + p), T + p]) for p in (0.0, 0.5, 1.0)])
#: Those that read values at other times, so that no new values arise.
WARPS = ("window_warp", "window_slice", "time_warp", "guided_warp")


def changed(name: str, x: torch.Tensor = X, seed: int = 0) -> torch.Tensor:
    transform = TRANSFORMS[name]
    n = transform.n_random(tuple(x.shape[1:]))
    z = torch.randn(len(x), n, generator=torch.Generator().manual_seed(seed))
    others = torch.stack([x.roll(k + 1, 0) for k in range(transform.n_others)] or [x], dim=1)
    return transform.apply(x, others[:, : transform.n_others], z)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_shapes_stay_and_values_change(name: str) -> None:
    out = changed(name)
    assert out.shape == X.shape
    assert out.isfinite().all()
    assert not torch.equal(out, X)
    assert torch.equal(out, changed(name))
    for length in (1, 2, 5):
        assert changed(name, X[..., :length]).isfinite().all()


def encoded(lengths: list[int], longest: int) -> torch.Tensor:
    """Series as `SeriesCodec` encodes them: padded, with a channel that marks their ends."""
    steps, last = torch.arange(longest), torch.tensor(lengths)[:, None] - 1
    x = X.gather(2, steps.minimum(last)[:, None].expand(-1, 2, -1))
    return torch.cat([x, torch.where(steps <= last, 1.0, -1.0)[:, None]], dim=1)


@pytest.mark.parametrize("name", [*TRANSFORMS, *(f"recipe {name}" for name in RECIPES)])
def test_a_short_series_changes_as_without_its_padding(name: str) -> None:
    short, alone = encoded([20] * 3, 80), encoded([20] * 3, 20)
    if name.startswith("recipe"):
        recipe, pair = RECIPES[name.removeprefix("recipe ")], []
        for x in (short, alone):
            torch.manual_seed(0)
            pair.append(recipe(x, torch.eye(3))[0])
        found, expected = pair
    else:
        found, expected = changed(name, short), changed(name, alone)
    torch.testing.assert_close(found[:, -1], short[:, -1])
    assert torch.equal(found[..., 20:], torch.cat([found[:, :-1, 19:20].expand(-1, -1, 60),
                                                   -torch.ones(3, 1, 60)], dim=1))  # fmt: skip
    if "jitter" not in name:  # each step has noise of its own
        torch.testing.assert_close(found[..., :20], expected, atol=1e-5, rtol=1e-5)


def test_only_a_guided_warp_takes_the_length_of_another_series() -> None:
    x = encoded([80, 30, 5], 80)
    for name in TRANSFORMS:
        like = x.roll(1, 0) if name == "guided_warp" else x
        assert torch.equal(changed(name, x)[:, -1], like[:, -1])


@pytest.mark.parametrize("name", WARPS)
def test_warping_makes_no_new_values(name: str) -> None:
    out = changed(name)
    assert out.max() <= X.max()
    assert out.min() >= X.min()


@pytest.mark.parametrize("name", ["time_warp", "window_warp"])
def test_time_goes_forward_from_the_first_step_to_the_last(name: str) -> None:
    ramp = torch.arange(80.0).expand(20, 1, 80).contiguous()
    out = changed(name, ramp)[:, 0]
    assert (out.diff(dim=1) > 0).all()
    np.testing.assert_allclose(out[:, 0], 0, atol=1e-4)
    np.testing.assert_allclose(out[:, -1], 79, atol=1e-3)


def test_a_window_passes_at_twice_or_half_the_speed() -> None:
    ramp = torch.arange(200.0).expand(50, 1, 200).contiguous()
    speed = changed("window_warp", ramp)[:, 0].diff(dim=1)
    ratio = torch.maximum(speed.amax(1) / speed.median(1)[0], speed.median(1)[0] / speed.amin(1))
    torch.testing.assert_close(ratio, torch.full((50,), 2.0), rtol=0.05, atol=0)


def test_a_slice_has_nine_tenths_of_the_length() -> None:
    ramp = torch.arange(101.0).expand(50, 1, 101).contiguous()
    out = changed("window_slice", ramp)[:, 0]
    torch.testing.assert_close(out[:, -1] - out[:, 0], torch.full((50,), 90.0))


def test_noise_has_the_stated_size() -> None:
    x = torch.full((500, 2, 50), 0.5)
    np.testing.assert_allclose((changed("jitter", x) - x).std(), 0.03, rtol=0.05)
    gains = changed("scaling", x)
    assert (gains == gains[..., :1]).all()  # one gain a channel
    np.testing.assert_allclose(gains[..., 0].std(), 0.05, rtol=0.1)


def test_a_barycentre_of_equal_series_is_that_series() -> None:
    x = X[:1].repeat(3, 1, 1)
    torch.testing.assert_close(changed("barycentre", x), x)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_keep_shapes_and_mass(name: str) -> None:
    torch.manual_seed(0)
    y = torch.eye(3)
    x, labels = RECIPES[name](X, y)
    assert x.shape == X.shape
    assert not torch.equal(x, X)
    torch.testing.assert_close(labels.sum(dim=1), torch.ones(3))
    assert torch.equal(labels, y) or name == "mixup"
