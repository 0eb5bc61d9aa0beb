"""Plots of rows: what is drawn is what the sampler generates, in the place of its class."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.datasets import load_digits, load_wine

from gen_augment import BootstrapSampler, ConditionalVAE, InputError, KDESampler, NotFittedError
from gen_augment.samplers.plotting import MAX_CHARACTERS
from tests.toy.letters import Letters
from tests.toy.unigram import UnigramSampler

IMAGES, DIGITS = load_digits().images[:200], load_digits().target[:200]


def test_pictures_are_rows_of_the_sampler_in_the_line_of_their_class() -> None:
    sampler = BootstrapSampler(modality="image", random_state=0).fit(IMAGES, DIGITS)
    axes = sampler.plot_samples(IMAGES, DIGITS, n_per_class=3, ax=Figure().subplots())
    picture = axes.get_images()[0].get_array()
    assert picture.shape == (10 * 8 + 9, 2 * 26 + 4)  # a pixel between rows, 4 between blocks
    within = [i for i in range(26) if i % 9 != 8]
    low, high = IMAGES.min(), IMAGES.max()
    for code in range(10):
        line = picture[9 * code : 9 * code + 8]
        expected = np.hstack(list(IMAGES[code == DIGITS][:3]))
        np.testing.assert_allclose(line[:, within], (expected - low) / (high - low), atol=1e-6)
        rows = sampler.generate(np.arange(3 * code, 3 * code + 3), code, seed=0)
        made = np.hstack(list(rows)).clip(low, high)
        np.testing.assert_allclose(line[:, 30:][:, within], (made - low) / (high - low), atol=1e-6)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [str(i) for i in range(10)]


def test_a_class_without_real_rows_is_blank() -> None:
    sampler = BootstrapSampler(modality="image", random_state=0).fit(IMAGES, DIGITS)
    some = DIGITS != 4
    axes = sampler.plot_samples(IMAGES[some], DIGITS[some], n_per_class=2, ax=Figure().subplots())
    picture = np.asarray(axes.get_images()[0].get_array())
    assert (picture[36:44, :17] == 1).all()
    assert not (picture[36:44, 21:] == 1).all()


def test_points_of_equal_rows_are_in_the_same_places() -> None:
    X, y = load_wine(return_X_y=True)
    sampler = BootstrapSampler(random_state=0).fit(X, y)
    axes = sampler.plot_samples(X, y, n_per_class=100, ax=Figure().subplots())
    real, synthetic = (part.get_offsets().data for part in axes.collections)
    assert len(real) == len(X)
    assert len(synthetic) == 300
    gaps = np.linalg.norm(synthetic[:, None] - real[None], axis=2).min(axis=1)
    assert gaps.max() < 1e-6


def test_texts_are_written_below_their_class() -> None:
    X, y = ["$a$ " * 60, "b"] * 5, ["x", "y"] * 5
    sampler = BootstrapSampler(modality="text").fit(X, y)
    axes = sampler.plot_samples(X, y, n_per_class=1, ax=Figure().subplots())
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == "x"
    assert texts[3:] == ["y", "real:  b", "synthetic:  b"]
    assert texts[1].startswith("real:  $a$ ")
    assert len(texts[1]) == MAX_CHARACTERS
    axes.figure.draw_without_rendering()


def test_rows_of_a_modality_of_the_user_are_drawn() -> None:
    X, y = ["abc", "bca", "cab", "aab"] * 3, [0, 1, 0, 1] * 3
    sampler = UnigramSampler(modality=Letters()).fit(X, y)
    assert sampler.plot_samples(ax=Figure().subplots()).has_data()


def test_new_axes_are_those_of_pyplot() -> None:
    sampler = KDESampler().fit(*load_wine(return_X_y=True))
    axes = sampler.plot_samples()
    assert axes.figure is plt.gcf()
    plt.close(axes.figure)


def test_history_is_that_of_training() -> None:
    sampler = ConditionalVAE(max_steps=30, device="cpu").fit(*load_wine(return_X_y=True))
    axes = sampler.plot_history(ax=Figure().subplots())
    drawn = {line.get_label(): line.get_data() for line in axes.lines}
    assert set(drawn) == set(sampler.history_) - {"step"}
    for name, (steps, values) in drawn.items():
        assert list(steps) == sampler.history_["step"]
        assert list(values) == sampler.history_[name]


def test_errors_of_plots() -> None:
    with pytest.raises(NotFittedError):
        KDESampler().plot_samples()
    with pytest.raises(NotFittedError):
        ConditionalVAE().plot_history()
    X, y = load_wine(return_X_y=True)
    sampler = KDESampler().fit(X, y)
    with pytest.raises(InputError, match="n_per_class"):
        sampler.plot_samples(n_per_class=0)
    with pytest.raises(InputError):
        sampler.plot_samples(X[:, :3], y)
    with pytest.raises(InputError, match="y has the labels of real rows"):
        sampler.plot_samples(y=y)
    with pytest.raises(InputError, match="ax=5 is no Axes"):
        sampler.plot_samples(ax=5)
