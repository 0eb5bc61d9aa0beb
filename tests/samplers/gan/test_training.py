"""Training of the GAN: adaptive augmentation, class balance, and collapse."""

import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from gen_augment import ConditionalGAN, InputError
from gen_augment.errors import ModeCollapseWarning
from gen_augment.samplers.gan.augmentation import AdaptiveProbability
from gen_augment.samplers.gan.networks import ProjectionDiscriminator
from gen_augment.training import Callback, Checkpoint
from tests.conftest import toy_images
from tests.samplers.mixture import draw_mixture

#: Rows without a label are marked by -1, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")


def make(**params: Any) -> ConditionalGAN:
    small: dict[str, Any] = {"max_steps": 4, "batch_size": 8, "width": 4, "latent_dim": 4}
    return ConditionalGAN(random_state=0, device="cpu", **(small | params))


def test_init_copies_the_discriminator_if_a_class_is_known() -> None:
    X, y = toy_images(60)
    source = make(max_steps=20).fit(X, y)
    fresh = make(max_steps=1, lr=1e-12, discriminator_lr=1e-12).fit(X, y + 7)

    def weight(sampler: ConditionalGAN, part: str) -> torch.Tensor:
        return cast(torch.Tensor, sampler.network_.get_parameter(part))

    for labels, expected in (
        (y, source),
        (y + 1, source),
        (y + 7, fresh),
    ):  # the second shares one class
        started = make(max_steps=1, lr=1e-12, discriminator_lr=1e-12).fit(X, labels, init=source)
        critic, generator = "discriminator.head.0.weight", "generator.decoder.stem.weight"
        torch.testing.assert_close(
            weight(started, critic), weight(expected, critic), rtol=0, atol=1e-6
        )
        torch.testing.assert_close(
            weight(started, generator), weight(source, generator), rtol=0, atol=1e-6
        )
    more = make(max_steps=1).fit(X, y)
    before = weight(more, "discriminator.head.0.weight").clone()
    more.set_params(lr=1e-12, discriminator_lr=1e-12).partial_fit(X, y)
    torch.testing.assert_close(
        weight(more, "discriminator.head.0.weight"), before, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 31), (128, 16)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 100])
def test_all_sizes_and_long_tails_train(
    height: int, width: int, channels: int, n_classes: int
) -> None:
    counts = np.geomspace(12, 2, n_classes).astype(int)
    y = np.repeat(np.arange(n_classes), counts)
    X = np.random.default_rng(0).random((len(y), channels, height, width), dtype=np.float32)
    y[::5] = np.where(counts[y[::5]] > 5, -1, y[::5]) if n_classes > 2 else y[::5]
    sampler = make(class_balance=0.5, mirror=True, width=2, max_steps=3).fit(X, y)
    new, labels = sampler.sample(y={0: 2, n_classes - 1: 1})
    assert new.shape == (3, channels, height, width)
    assert labels.tolist() == [0, 0, n_classes - 1]


def test_size_of_128_trains() -> None:
    X, y = toy_images(8, 128, 3)
    assert make(max_steps=2, batch_size=4, width=2).fit(X, y).sample(1)[0].shape == (1, 128, 128, 3)


@pytest.mark.parametrize(
    "params",
    [
        {"augment": 0.9},
        {"augment": "often"},
        {"augment": -0.1},
        {"mirror": 2},
        {"class_balance": 1.5},
    ],
    ids=str,
)
def test_bad_parameters_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(params))):
        make(**params).fit(*toy_images())


@pytest.fixture
def overfitting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every discriminator counts as overfitted."""
    monkeypatch.setitem(cast(Any, AdaptiveProbability.__init__).__kwdefaults__, "target", -1.1)


@pytest.mark.usefixtures("overfitting")
def test_a_fixed_share_stays_and_an_adaptive_one_rises() -> None:
    X, y = toy_images()
    adaptive = make(max_steps=50, augment="adaptive").fit(X, y)
    assert float(adaptive.network_.augmentation.p) == pytest.approx(0.25 + 50 / 500)
    np.testing.assert_allclose(
        adaptive.history_["augmented"], [0.25 + 13 / 500, 0.25 + 38 / 500], rtol=1e-5
    )
    for augment, share in ((True, 0.25), (0.5, 0.5), (0.0, 0.0), (False, 0.0)):
        fixed = make(max_steps=25, augment=augment).fit(X, y)
        assert float(fixed.network_.augmentation.p) == share
        assert "augmented" not in fixed.history_


def test_the_share_does_not_rise_without_overfitting() -> None:
    sampler = make(max_steps=25, augment="adaptive", discriminator_lr=1e-9).fit(*toy_images())
    assert float(sampler.network_.augmentation.p) == 0.25


@pytest.mark.parametrize("mirror", [False, True])
def test_mirror_applies_to_half_of_the_real_rows(
    mirror: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.tile(np.arange(8, dtype=np.float32), (40, 8, 1))  # dark on the left
    seen: list[torch.Tensor] = []
    forward = ProjectionDiscriminator.forward

    def watch(
        self: ProjectionDiscriminator, x: torch.Tensor, y: torch.Tensor, n_groups: int = 1
    ) -> torch.Tensor:
        if n_groups == 2:
            seen.append(x.detach().chunk(2)[0])
        return forward(self, x, y, n_groups)

    monkeypatch.setattr(ProjectionDiscriminator, "forward", watch)
    make(max_steps=20, batch_size=20, mirror=mirror, augment=False).fit(X, np.arange(40) % 2)
    real = torch.cat(seen)
    assert len(real) == 400
    share = float((real[:, 0, 0, 0] > real[:, 0, 0, -1]).float().mean())
    assert abs(share - 0.5) < 0.1 if mirror else share == 0


class Break(Callback):
    """From one step on, the generator returns one row alone. Its earlier average is stored."""

    def __init__(self, at: int, interrupt: int = 0) -> None:
        self.at, self.interrupt = at, interrupt
        self.kept: dict[int, list[torch.Tensor]] = {}

    def on_step_end(self, sampler: Any, loop: Any) -> None:
        self.kept[loop.step] = [
            t.clone() for t in sampler.network_.ema.module.state_dict().values()
        ]
        if loop.step >= self.at:
            sampler.network_.generator.decoder.layers[-1].weight.data.zero_()
        if loop.step == self.interrupt:
            os.kill(os.getpid(), signal.SIGINT)


def collapsing(*callbacks: Callback) -> ConditionalGAN:
    return make(max_steps=230, batch_size=32, width=16, ema_decay=0.5, callbacks=list(callbacks))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gen_augment.samplers.gan.sampler.PROBE_EVERY", 40)


@pytest.mark.usefixtures("often")
def test_a_collapsed_run_ends_with_its_best_generator() -> None:
    X, y = draw_mixture(100)
    broken = Break(150)
    with pytest.warns(
        ModeCollapseWarning, match="at step 160 of 230 generated rows of class [012] are"
    ):
        sampler = collapsing(broken).fit(X, y)
    final = list(sampler.network_.ema.module.state_dict().values())
    same = [step for step, kept in broken.kept.items() if all(map(torch.equal, kept, final))]
    assert len(same) == 1
    assert same[0] in (40, 80, 120)
    assert sampler.sample(100, y=0)[0].std() > 0.3
    scores = np.array(sampler.history_["score"])
    assert scores.shape == (len(sampler.history_["step"]),)
    assert scores[0] == 0
    assert scores[-1] < scores.max()


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("step", [119, 120, 200, 230])
def test_an_interrupted_run_that_collapses_ends_with_the_same_weights(
    step: int, tmp_path: Path
) -> None:
    X, y = draw_mixture(100)
    with pytest.warns(ModeCollapseWarning):
        undisturbed = collapsing(Break(150)).fit(X, y)
    checkpoint = Checkpoint(tmp_path / "c", every=1000)
    expected = pytest.warns(ModeCollapseWarning) if step > 160 else nullcontext()
    with pytest.raises(KeyboardInterrupt), expected:
        collapsing(checkpoint, Break(150, step)).fit(X, y)
    with pytest.warns(ModeCollapseWarning):
        resumed = collapsing(checkpoint, Break(150)).fit(X, y)
    for (name, a), b in zip(
        undisturbed.network_.state_dict().items(),
        resumed.network_.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(a, b), name


@pytest.mark.usefixtures("often", "overfitting")
def test_adaptive_augmentation_and_balance_resume_exactly(tmp_path: Path) -> None:
    X, y = toy_images(50)
    params: dict[str, Any] = {
        "max_steps": 70,
        "class_balance": 1.0,
        "mirror": True,
        "augment": "adaptive",
    }
    undisturbed = make(**params).fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        make(**params, callbacks=[Checkpoint(tmp_path / "c", every=20), Stop(47)]).fit(X, y)
    resumed = make(**params, callbacks=[Checkpoint(tmp_path / "c", every=20)]).fit(X, y)
    for (name, a), b in zip(
        undisturbed.network_.state_dict().items(),
        resumed.network_.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(a, b), name
    assert float(resumed.network_.augmentation.p) > 0.3


class Stop(Callback):
    """Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, sampler: Any, loop: Any) -> None:
        if loop.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_good_run_ends_with_its_last_weights(often: None) -> None:
    X, y = draw_mixture(100)
    watching = Break(10**6)
    sampler = make(max_steps=210, batch_size=32, width=16, callbacks=[watching]).fit(X, y)
    assert all(
        map(torch.equal, watching.kept[210], sampler.network_.ema.module.state_dict().values())
    )
