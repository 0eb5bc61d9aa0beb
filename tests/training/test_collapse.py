"""The collapse probe on a mixture with known modes, and on generators that lose modes."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from gen_augment.errors import ModeCollapseWarning
from gen_augment.training.collapse import MAX_CLASSES, CollapseProbe, precision_recall


class Generator(nn.Module):
    """Returns prepared rows in parts, for any noise."""

    def __init__(self, rows: Tensor | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.norm = nn.BatchNorm1d(2)
        self.rows = torch.empty(0) if rows is None else rows

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        assert not self.training
        rows, self.rows = self.rows[: len(y)], torch.cat([self.rows[len(y) :], self.rows[: len(y)]])
        return rows


def draw_modes(n: int, modes: tuple[int, ...] = (0, 1, 2), seed: int = 0) -> Tensor:
    """Return rows of three distant modes of equal weight, or of some of them."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    which = torch.tensor(modes)[torch.randint(len(modes), (n,), generator=generator)]
    return centres[which] + torch.randn(n, 2, generator=generator)


def make_probe(n: int = 200) -> tuple[CollapseProbe, Tensor, Tensor]:
    """A probe on two classes of three modes. The second class is shifted."""
    y = torch.arange(2 * n) % 2
    x = draw_modes(2 * n) + 100.0 * y[:, None]
    probe = CollapseProbe(Generator())
    probe.start(x, y, (3,), seed=0)
    return probe, probe._y, x[y == 1]


def read(probe: CollapseProbe, rows: Tensor, step: int = 200) -> bool:
    return probe.read(Generator(rows), step=step, max_steps=1000, labels=["cat", "dog"])


def test_precision_and_recall_agree_with_a_neighbour_search() -> None:
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(40, 3)), rng.normal(0.5, 1.5, size=(30, 3))

    def share(inside: np.ndarray, around: np.ndarray) -> float:
        radii = NearestNeighbors(n_neighbors=4).fit(around).kneighbors(around)[0][:, -1]
        return float(
            np.mean([(np.linalg.norm(around - row, axis=1) <= radii).any() for row in inside])
        )

    precision, recall = precision_recall(torch.from_numpy(real), torch.from_numpy(fake), k=3)
    assert float(precision) == pytest.approx(share(fake, real))
    assert float(recall) == pytest.approx(share(real, fake))


def test_a_good_generator_raises_no_alarm() -> None:
    probe, y, _ = make_probe()
    assert torch.bincount(y).tolist() == [64, 64]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(1, 30):
            assert not read(probe, draw_modes(len(y), seed=seed) + 100.0 * y[:, None])
            assert probe.score > 0.85


def test_little_variety_at_the_start_raises_no_alarm() -> None:
    probe, y, _ = make_probe()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not read(probe, torch.zeros(len(y), 2), 200)


@pytest.mark.parametrize("after", ["nothing", "good"])
@pytest.mark.parametrize("lost", ["constant", "far constant", "one mode"])
def test_a_lost_mode_is_reported_with_class_step_and_value(after: str, lost: str) -> None:
    probe, y, dogs = make_probe()
    good = draw_modes(len(y), seed=1) + 100.0 * y[:, None]
    if after == "good":
        assert not read(probe, good)
    bad = {
        "constant": dogs.mean(dim=0).expand_as(good),
        "far constant": torch.full_like(good, -1e3),
        "one mode": draw_modes(len(y), (1,), seed=2) + 100.0,
    }[lost]
    rows = torch.where(y[:, None] == 1, bad, good)
    with pytest.warns(
        ModeCollapseWarning, match=r"step 600 of 1000 .*class 'dog' are 0\.\d\d times"
    ) as caught:
        assert read(probe, rows, 600) == (after == "good")
    assert "Lower lr" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(probe, rows, 800) == (
            after == "good"
        )  # the generator is still collapsed, and the callback was called


def test_the_best_weights_are_kept_and_go_through_a_state_dict() -> None:
    probe, y, _ = make_probe()
    rows = draw_modes(len(y), seed=1) + 100.0 * y[:, None]
    good, worse = (
        Generator(rows),
        Generator(rows + torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))),
    )
    for step, generator in ((200, good), (400, worse)):
        probe.read(generator, step=step, max_steps=1000, labels=["cat", "dog"])
    best = CollapseProbe(Generator())
    best.load_state_dict(probe.state_dict())
    assert not list(best.parameters())
    for name, tensor in good.state_dict().items():
        assert torch.equal(best.best.state_dict()[name], tensor)
    assert best.best_scores[:2].mean() > best.score > 0


@pytest.mark.parametrize(
    ("counts", "watched", "rows"),
    [
        ([400, 40, 20, 19], [64, 40, 20, 0], None),
        ([2] * 50, [], 100),  # treated as one class
        ([30] * 100, [20] * 64, None),
    ],
)
def test_classes_with_enough_rows_are_watched(
    counts: list[int], watched: list[int], rows: int | None
) -> None:
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    x = torch.randn(len(y), 3, 12, 9, generator=torch.Generator().manual_seed(0))
    probe = CollapseProbe(Generator())
    probe.start(x, y, (3,), seed=0)
    wanted = probe._y
    if rows is None:
        assert torch.bincount(wanted, minlength=len(watched)).tolist() == watched
        assert len(probe.classes) == sum(n > 0 for n in watched) <= MAX_CLASSES
    else:
        assert (len(wanted), probe.classes) == (rows, [None])
    assert wanted.min() >= 0
    args: Any = {"step": 200, "max_steps": 200, "labels": list(range(100))}
    with pytest.warns(ModeCollapseWarning, match="all classes" if rows else "class 0"):
        probe.read(Generator(torch.zeros(len(wanted), 3, 12, 9)), **args)
