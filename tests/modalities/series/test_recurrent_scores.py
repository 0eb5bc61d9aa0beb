import numpy as np
import torch

from gen_augment.modalities.series.recurrent_scores import discriminative_score, predictive_score

Padded = tuple[np.ndarray, np.ndarray]


def sines(seed: int, speed: float, noise: float = 0.0) -> Padded:
    rng = np.random.default_rng(seed)
    values = np.sin(speed * np.arange(16) + rng.uniform(0, 6.3, (150, 1, 1)))
    return values + noise * rng.normal(size=values.shape), np.full(150, 16)


def test_equal_processes_are_not_told_apart_and_others_are() -> None:
    state = torch.get_rng_state()
    assert discriminative_score(sines(0, 0.5), sines(1, 0.5)) < 0.2
    assert discriminative_score(sines(0, 0.5), sines(1, 0.5, noise=1.0)) > 0.4
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_of_like_series_predicts_real_steps() -> None:
    like, unlike = (predictive_score(sines(0, 0.5), sines(1, speed)) for speed in (0.5, 2.5))
    assert like < 0.08
    assert unlike > 2 * like
    assert predictive_score(sines(0, 0.5), sines(1, 0.5)) == like


def test_too_few_series_or_steps_have_no_score() -> None:
    values, lengths = sines(0, 0.5)
    few, one_step = (values[:4], lengths[:4]), (values[..., :1], np.ones(150, np.int64))
    assert np.isnan(discriminative_score(few, few))
    assert np.isnan(predictive_score(one_step, one_step))
