import numpy as np
from sklearn.linear_model import LogisticRegression

from gen_augment import BootstrapSampler, audit
from gen_augment.modalities import get_modality
from gen_augment.modalities.series.views import FIGURES, SeriesViews, WaveformViews
from tests.modalities.audio.tones import recordings


def test_every_figure_is_measured_on_unequal_lengths() -> None:
    waves = [wave[: 20 + i] for i, wave in enumerate(recordings(12)[0])]
    found = SeriesViews().measure(waves, waves[:9], waves)
    assert set(found) == set(SeriesViews.figures) == set(FIGURES)
    assert found["spectral_distance"][0] > found["spectral_distance"][1] == 0
    plain = WaveformViews().measure(waves, waves)
    assert [value for value, _ in plain.values()] == [0, 0]
    assert all(np.isnan(reference) for _, reference in plain.values())
    assert isinstance(get_modality("series").views, SeriesViews)


def test_an_audit_shows_them_with_a_reference() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = np.sin((0.3 + 0.5 * y[:, None]) * np.arange(12) + rng.uniform(0, 6, (40, 1)))
    source = BootstrapSampler(modality="series", random_state=0).fit(X[:20], y[:20])
    found = audit(
        source, X[:20], y[:20], holdout=(X[20:], y[20:]), features="values",
        model=LogisticRegression(),
    )  # fmt: skip
    for name in FIGURES:
        value, reference = found.figures[name]
        assert np.isfinite([value, reference]).all()
    assert found.figures["spectral_distance"][0] < found.figures["spectral_distance"][1]
