"""A modality of flat vectors that writes only the abstract methods works in the generic samplers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gen_augment import (
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    PairedVAE,
    load_sampler,
)
from gen_augment.data import Rows
from gen_augment.modalities import Codec, DataSpec, Modality, Reading, registry
from gen_augment.types import JSON

#: Rows without a label are marked by -1, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
SAMPLERS: list[Any] = [ConditionalVAE, ConditionalGAN, ConditionalFlow, PairedVAE]


@dataclass(frozen=True)
class AppointmentCodec(Codec):
    """Hours on a circle, in [-1, 1], then the day as a one-hot block."""

    with_day: bool

    bounded = True

    @property
    def modality(self) -> Modality:
        return Appointments()

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (2 + sum(self.blocks),)

    @property
    def blocks(self) -> tuple[int, ...]:  # type: ignore[override]
        return (len(DAYS),) if self.with_day else ()

    def encode(self, X: Any) -> Tensor:
        hours = torch.tensor([float(row.split()[-1]) for row in X], device="cpu")
        angle = hours * (torch.pi / 12)
        numbers = torch.stack([angle.cos(), angle.sin()], dim=1)
        if not self.with_day:
            return numbers
        days = torch.tensor([DAYS.index(row.split()[0]) for row in X], device="cpu")
        return torch.cat([numbers, torch.nn.functional.one_hot(days, 7).float()], dim=1)

    def decode(self, rows: Tensor) -> list[str]:
        rows = rows.detach().cpu()
        hours = (torch.atan2(rows[:, 1], rows[:, 0]) * (12 / torch.pi)) % 24
        texts = [f"{hour:.4f}" for hour in hours.tolist()]
        if not self.with_day:
            return texts
        days = [DAYS[day] for day in rows[:, 2:].argmax(dim=1).tolist()]
        return [f"{day} {text}" for day, text in zip(days, texts, strict=True)]

    def pack(self, X: Any) -> np.ndarray:
        return np.array(X, dtype="U16")

    def unpack(self, array: np.ndarray) -> list[str]:
        return [str(row) for row in array]

    def to_json(self) -> JSON:
        return {"with_day": self.with_day}


class Appointments(Modality):
    """Lists of strings such as "13.5" or "Mon 13.5"."""

    name = "appointments"

    def recognise(self, X: Any) -> Reading:
        return Reading.NO

    def fit(self, X: Any) -> tuple[AppointmentCodec, Tensor]:
        codec = AppointmentCodec(" " in X[0])
        return codec, codec.encode(X)

    def codec_from_json(self, record: JSON) -> AppointmentCodec:
        return AppointmentCodec(**record)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._MODALITIES, "appointments", Appointments)


def draw(n: int, with_day: bool, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Class 0 is at about 9 h on Monday or Tuesday, class 1 at about 20 h on the other days."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    hours = np.where(y == 0, 9, 20) + rng.normal(size=n)
    days = np.where(y == 0, rng.integers(0, 2, n), rng.integers(2, 7, n))
    texts = [f"{hour % 24:.4f}" for hour in hours]
    return ([f"{DAYS[d]} {t}" for d, t in zip(days, texts, strict=True)] if with_day else texts), y


def fit(cls: Any, X: Any, y: Any, **params: Any) -> Any:
    small = {"batch_size": 32, "width": 8, "random_state": 0, "device": "cpu"}
    return cls(modality="appointments", **(small | params)).fit(X, y)


@pytest.mark.parametrize("with_day", [False, True], ids=["numbers", "numbers and a block"])
@pytest.mark.parametrize("cls", SAMPLERS)
def test_samplers_learn_the_distribution_of_each_class(cls: Any, with_day: bool) -> None:
    sampler = fit(cls, *draw(400, with_day), max_steps=250)
    for label, hour in ((0, 9), (1, 20)):
        rows, _ = sampler.sample(300, y=label, random_state=1)
        angles = np.array([float(row.split()[-1]) for row in rows]) * np.pi / 12
        mean = np.angle(np.exp(1j * angles).mean()) * 12 / np.pi % 24
        assert abs(mean - hour) < 1
        if with_day:
            early = np.mean([row.split()[0] in ("Mon", "Tue") for row in rows])
            assert early > 0.8 if label == 0 else early < 0.2


@pytest.mark.parametrize("with_day", [False, True], ids=["numbers", "numbers and a block"])
@pytest.mark.parametrize("cls", SAMPLERS)
def test_addresses_archives_and_training_on(cls: Any, with_day: bool, tmp_path: Any) -> None:
    X, y = draw(60, with_day)
    sampler = fit(cls, X, y, max_steps=5)
    whole = sampler.generate(np.arange(40), np.arange(40) % 2, seed=3)
    assert sampler.generate([7], [1], seed=3) == [whole[7]]
    sampler.save(tmp_path / "a")
    loaded = load_sampler(tmp_path / "a", device="cpu")
    assert loaded.generate(np.arange(40), np.arange(40) % 2, seed=3) == whole
    assert loaded.fingerprint() == sampler.fingerprint()
    if cls is not ConditionalGAN:
        assert len(sampler.vary(X[:9], y[:9])) == 9
    more = sampler.partial_fit(X, np.where(np.arange(60) < 20, 2, y))
    assert len(more.sample(y={2: 3})[0]) == 3
    partly = fit(cls, X, np.where(np.arange(60) < 20, -1, np.arange(60) % 3), max_steps=3)
    assert partly.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("cls", [ConditionalVAE, ConditionalGAN, PairedVAE])
def test_bounded_numbers_stay_in_their_range(cls: Any) -> None:
    sampler = fit(cls, *draw(60, True), max_steps=5)
    z = 2 * torch.randn(200, *sampler.latent_shape, generator=torch.Generator().manual_seed(0))
    sampler.network_.eval()
    with torch.no_grad():
        rows = sampler._generate(z, torch.arange(200) % 2)
    assert rows.abs().max() <= 1
    assert rows[:, 2:].sum(dim=1).eq(1).all()


def test_cross_entropy_is_a_likelihood_of_bounded_rows() -> None:
    sampler = fit(ConditionalVAE, *draw(60, False), max_steps=5, likelihood="bce")
    assert len(sampler.sample(5)[0]) == 5


def test_options_without_an_effect_change_nothing() -> None:
    """Flat rows have no mirror image, no augmentation and no perceptual network."""
    X, y = draw(60, True)
    for cls, params in (
        (ConditionalGAN, {"mirror": True}),
        (ConditionalFlow, {"mirror": True}),
        (ConditionalVAE, {"perceptual": 1.0}),
    ):
        plain, changed = (fit(cls, X, y, max_steps=3, **p) for p in ({}, params))
        assert plain.generate([0, 1], [0, 1]) == changed.generate([0, 1], [0, 1])


def test_defaults_of_the_remaining_methods() -> None:
    X, y = draw(60, True)
    rows = Rows.read(X, y, modality="appointments")
    modality, spec = rows.modality, DataSpec.of(rows.codec, 2)
    assert spec.n_numbers == 2
    assert modality.networks.augmentation(spec) is None
    assert modality.networks.mirror(rows.encoded) is rows.encoded
    assert modality.sheet(rows.codec, rows.encoded, 3) is None
    assert torch.equal(modality.classifier_inputs(rows.codec, X)(X), rows.encoded)
    forest = modality.classifier(spec).fit(rows.encoded.numpy(), y)
    assert forest.score(rows.encoded.numpy(), y) > 0.9
    assert len(set(modality.digests([*X[:3], X[0]]).tolist())) == 3
    for call in (
        lambda: modality.corrupted(X, X),
        lambda: modality.matcher(rows.codec, {"day": "Mon"}),
        lambda: modality.read_conditions(rows.codec, ["day=Mon"]),
    ):
        with pytest.raises(InputError, match="appointments"):
            call()
