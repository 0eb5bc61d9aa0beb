"""A plot of a bank shows its first rows."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from gen_augment import BootstrapSampler, SampleBank


def test_a_bank_draws_its_own_rows_and_none_twice(tmp_path: Path) -> None:
    X, y = load_digits().images[:200], load_digits().target[:200]
    sampler = BootstrapSampler(modality="image", random_state=0).fit(X, y)
    bank = SampleBank.build(sampler, {3: 2, 7: 9}, tmp_path / "bank")
    axes = bank.plot(n_per_class=4, ax=Figure().subplots())
    picture = np.asarray(axes.get_images()[0].get_array())
    assert picture.shape == (17, 35)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["3", "7"]
    rows = bank.rows(np.arange(2, 6))
    rows = (rows - rows.min()) / (rows.max() - rows.min())
    within = [i for i in range(35) if i % 9 != 8]
    assert np.corrcoef(picture[9:, within].ravel(), np.hstack(list(rows)).ravel())[0, 1] > 0.999
    assert (picture[:8, 17:] == 1).all()
