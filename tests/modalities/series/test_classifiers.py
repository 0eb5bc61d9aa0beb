"""Classifiers of series learn what separates classes."""

import numpy as np
import pytest
import torch

from gen_augment.errors import InputError
from gen_augment.modalities.series.classifiers import MiniRocketClassifier, SmallInception

RNG = np.random.default_rng(0)
Y = np.arange(80) % 2
PHASE = RNG.uniform(0, 6.28, (80, 1))
X = np.sin(np.arange(40) * np.where(Y, 0.4, 0.9)[:, None] + PHASE) + 0.1 * RNG.normal(size=(80, 40))


def test_the_network_tells_frequencies_apart() -> None:
    torch.manual_seed(0)
    network = SmallInception((1, 40), 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    x, y = torch.from_numpy(X[:, None]).float(), torch.from_numpy(Y)
    for _ in range(25):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x[:60]), y[:60]).backward()
        optimizer.step()
    network.eval()
    assert (network(x[60:]).argmax(1) == y[60:]).float().mean() >= 0.9


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (1, 12), (3, 1500)], ids=str)
def test_the_network_takes_every_length(shape: tuple[int, int]) -> None:
    assert SmallInception(shape, 4)(torch.randn(2, *shape)).shape == (2, 4)


@pytest.mark.slow  # numba compiles for 15 s
def test_minirocket_tells_frequencies_apart() -> None:
    pytest.importorskip("aeon")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = MiniRocketClassifier(random_state=0).fit(X[:60], Y[:60], np.ones(60))
    assert model.score(X[60:], Y[60:]) >= 0.9
    probabilities = model.predict_proba(X[60:])
    assert (probabilities.argmax(1) == model.predict(X[60:])).all()
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert torch.get_num_threads() == 1  # numba would use all cores, for torch as well
    torch.set_num_threads(n_threads)


def test_vectors_that_are_no_series_are_refused() -> None:
    pytest.importorskip("aeon")
    with pytest.raises(InputError, match="set n_channels"):
        MiniRocketClassifier(n_channels=3).fit(X, Y)
    with pytest.raises(InputError, match="needs 9 steps or more"):
        MiniRocketClassifier(n_channels=8).fit(X, Y)
