"""Interpolation and principal axes in code spaces with known geometry."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gen_augment import ConditionalFlow, ConditionalGAN, ConditionalVAE, InputError
from gen_augment.auditing import interpolate, save_grid, traverse
from gen_augment.auditing.latent import _slerp
from tests.conftest import as_form, small_sampler, toy_images, toy_table


class Codes:
    """A sampler with codes that equal its rows."""

    def encode(self, X: Any, y: Any) -> torch.Tensor:
        return torch.as_tensor(X, dtype=torch.float32)

    def decode(self, codes: torch.Tensor, y: Any) -> np.ndarray:
        self.labels = np.broadcast_to(np.asarray(y), len(codes))
        return codes.numpy()


def test_interpolation_follows_the_circle_with_linear_lengths() -> None:
    sampler = Codes()
    found = interpolate(
        sampler, [[1.0, 0.0], [2.0, 0.0]], [[0.0, 3.0], [4.0, 0.0]], ["a", "b"], n_steps=3
    )
    np.testing.assert_allclose(found[:3], [[1, 0], [2**0.5, 2**0.5], [0, 3]], atol=1e-6)
    np.testing.assert_allclose(found[3:], [[2, 0], [3, 0], [4, 0]], atol=1e-6)
    assert sampler.labels.tolist() == ["a"] * 3 + ["b"] * 3
    ends = _slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, 0.0]]), torch.linspace(0, 1, 3))
    assert ends.tolist() == [[1, 0], [0, 0], [-1, 0]]
    assert _slerp(torch.zeros(1, 2), torch.zeros(1, 2), torch.linspace(0, 1, 2)).isfinite().all()


def test_axes_are_the_principal_components_of_the_codes() -> None:
    rng = np.random.default_rng(0)
    X = 5 + rng.normal(size=(400, 3)) * [0.1, 3.0, 1.0]
    lines = traverse(Codes(), X, 0, n_axes=2, reach=2.0, n_steps=5).reshape(2, 5, 3)
    np.testing.assert_array_equal(lines[0, 2], lines[1, 2])
    np.testing.assert_allclose(lines[0, 2], 5, atol=1, err_msg="the row nearest to the mean")
    for line, axis, deviation in ((lines[0], 1, X[:, 1].std()), (lines[1], 2, X[:, 2].std())):
        np.testing.assert_allclose(abs(np.diff(line[:, axis])), deviation, rtol=0.05)
        np.testing.assert_allclose(
            np.diff(np.delete(line, axis, axis=1), axis=0), 0, atol=0.2 * deviation
        )


@pytest.mark.parametrize(
    "name, form",
    [
        ("vae", "pil-grey"),
        ("flow", "uint8-nhwc"),
        ("vae", "normalised-tensor"),
        ("flow", "table-frame"),
    ],
)
def test_every_form_of_rows(name: str, form: str) -> None:
    X, y = as_form(form)
    sampler = small_sampler(name).fit(X, y)
    label = np.asarray(y).tolist()[0]
    rows = [X[i : i + 3] for i in (0, 4)]
    found = interpolate(sampler, *rows, label, n_steps=4)
    assert type(found) is type(X)
    assert len(found) == 12
    assert len(traverse(sampler, X[:6], label, n_axes=2, n_steps=3)) == 6


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_a_flow_encodes_and_decodes(data: Any) -> None:
    X, y = data(16)
    sampler = ConditionalFlow(max_steps=20, width=4, random_state=0, device="cpu").fit(X, y)
    codes = sampler.encode(X, y)
    assert codes.shape == (16, *sampler.latent_shape)
    back = np.asarray(sampler.decode(codes, y), float)
    assert abs(back - X).mean() < 0.05 * abs(X - X.mean(axis=0)).mean()
    # The noise of a sample is recovered, except where the codec has clipped or rounded values.
    z = codes.roll(1, 0)
    assert (sampler.encode(sampler.decode(z, y), y) - z).abs().median() < 0.1


def test_a_vae_decodes_the_mean_code() -> None:
    X, y = toy_images(30)
    sampler = small_sampler("vae").fit(X, y)
    codes = sampler.encode(X, y)
    assert codes.shape == (30, 4)
    np.testing.assert_array_equal(sampler.decode(codes, y), sampler.vary(X, y, strength=0))
    found = interpolate(sampler, X[:2], X[2:4], y[:2], n_steps=5).reshape(2, 5, *X.shape[1:])
    np.testing.assert_array_equal(found[:, 0], sampler.vary(X[:2], y[:2], strength=0))
    np.testing.assert_array_equal(found[:, -1], sampler.vary(X[2:4], y[:2], strength=0))


def test_a_grid_contains_the_images(tmp_path: Path) -> None:
    for channels in (1, 3):
        X, y = toy_images(6, channels=channels)
        sampler = small_sampler("vae").fit(X, y)
        with Image.open(save_grid(tmp_path / "grid.png", sampler, X, 3)) as picture:
            pixels = np.asarray(picture).reshape(24, 36, channels)
        for i in range(6):
            down, across = 12 * (i // 3), 12 * (i % 3)
            np.testing.assert_array_equal(pixels[down : down + 12, across : across + 12], X[i])


def test_bad_input_is_an_error(tmp_path: Path) -> None:
    X, y = toy_images(20)
    vae, gan = (small_sampler(name).fit(X, y) for name in ("vae", "gan"))
    assert isinstance(vae, ConditionalVAE)
    assert isinstance(gan, ConditionalGAN)
    with pytest.raises(NotImplementedError, match="ConditionalGAN has no encoder"):
        interpolate(gan, X[:2], X[2:4], 0)
    for call, message in (
        (lambda: interpolate(vae, X[:2], X[:3], 0), "2 rows and other has 3"),
        (lambda: interpolate(vae, X[:2], X[:2], 0, n_steps=1), "n_steps=1"),
        (lambda: interpolate(vae, X[:2], X[:2], [0, 1, 0]), "3 labels"),
        (lambda: traverse(vae, X[:2], 0), "n_axes=5, but there are 2 rows"),
        (lambda: traverse(vae, X, 0, n_axes=5), "codes of 4 numbers"),
        (lambda: traverse(vae, X, y), r"y has shape \(20,\)"),
        (lambda: traverse(vae, X, 0, reach=0), "reach"),
        (lambda: save_grid(tmp_path / "x.png", vae, X, 3), "multiple of 3"),
    ):
        with pytest.raises(InputError, match=message):
            call()
    table = small_sampler("vae").fit(*toy_table(20))
    with pytest.raises(InputError, match="table rows have no pictures"):
        save_grid(tmp_path / "x.png", table, toy_table(4)[0], 2)
    assert not list(tmp_path.iterdir())
