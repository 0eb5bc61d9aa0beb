"""Latent images as the encoding of photographs: what samplers, banks and classifiers see."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pil

from gen_augment import (
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    SampleBank,
    load_sampler,
)
from gen_augment.data import Rows
from gen_augment.errors import ArchiveError
from gen_augment.metrics.features import choose_features
from gen_augment.modalities import Image, codec_from_json, codec_to_json
from gen_augment.modalities.image.latents import LatentCodec
from gen_augment.privacy import Private
from tests.modalities.image.test_autoencoder import save_tiny
from tests.modalities.image.test_resizing import photograph


def photographs(n: int = 12) -> tuple[list[Pil.Image], list[str]]:
    """Bright and dark photographs of several sizes."""
    rng = np.random.default_rng(0)
    X, y = [], []
    for number in range(n):
        width, height = (int(side) for side in rng.integers(40, 90, 2))
        dark = number % 2
        X.append(photograph(width, height).point(lambda v, dark=dark: v // 2 + 100 * (1 - dark)))
        y.append("dark" if dark else "bright")
    return X, y


LEARNED = Image(image_size=(32, 40), latent="learned")


def test_images_come_back_and_channels_have_mean_0() -> None:
    X, _ = photographs()
    codec, rows = LEARNED.fit(X)
    assert isinstance(codec, LatentCodec)
    assert rows.shape == (12, 16, 4, 5) == (12, *codec.shape)
    mirrored, again = codec.modality.networks.mirror(rows), codec.autoencoder.mirror(rows)
    assert torch.equal(mirrored, again)
    assert torch.allclose((rows + mirrored).mean(dim=(0, 2, 3)), torch.zeros(16), atol=1e-4)
    deviation = rows.std(dim=(0, 2, 3))
    assert deviation.max() > 1 > deviation.min() > 0
    sized = LEARNED.gather(X)
    decoded = codec.decode(rows)
    assert {(image.mode, image.size) for image in decoded} == {("RGB", (40, 32))}
    difference = [
        np.asarray(a, int) - np.asarray(b, int) for a, b in zip(decoded, sized, strict=False)
    ]
    assert np.abs(difference).mean() < 3
    assert torch.equal(codec.encode(X), rows)
    assert codec.n_features == 3 * 32 * 40
    assert len(codec.decode(rows[:0])) == 0 == len(codec.encode(X[:0]))


@pytest.mark.parametrize("X", [
    np.random.default_rng(0).integers(0, 255, (5, 24, 16), dtype=np.uint8),
    torch.rand(5, 3, 24, 16),
    np.random.default_rng(0).normal(size=(5, 24, 16, 4)).astype(np.float32),
], ids=["grey", "RGB", "four"])  # fmt: skip
def test_arrays_and_tensors_come_back_in_their_form(X: Any) -> None:
    codec, rows = Image(latent="learned").fit(X)
    decoded = codec.decode(rows)
    assert (type(decoded), decoded.shape, decoded.dtype) == (type(X), X.shape, X.dtype)
    again, same = codec.modality.fit(X)
    assert again.autoencoder is codec.autoencoder
    assert torch.equal(same, rows)


def test_the_record_holds_the_whole_codec() -> None:
    codec, _rows = LEARNED.fit(photographs()[0])
    record = json.loads(json.dumps(codec_to_json(codec)))
    restored = codec_from_json(record)
    assert restored == codec == pickle.loads(pickle.dumps(codec))
    for name, value in (("mean", [0.0]), ("unit", [float("nan")] * 16), ("pixels", {})):
        with pytest.raises((InputError, ArchiveError)):
            codec_from_json(record | {name: value})
    assert Image(**codec.modality.options()) == codec.modality
    assert "<Autoencoder of 16 principal components>" in repr(codec.modality)


@pytest.mark.parametrize("cls", [ConditionalFlow, ConditionalVAE, ConditionalGAN])
def test_samplers_learn_latent_images(cls: Any, tmp_path: Path) -> None:
    X, y = photographs()
    sampler = cls(max_steps=2, width=4, random_state=0, device="cpu", modality=LEARNED).fit(X, y)
    assert sampler.spec_.shape == (16, 4, 5)
    images, _labels = sampler.sample(y={"dark": 2}, random_state=0)
    assert [(image.mode, image.size) for image in images] == [("RGB", (40, 32))] * 2
    sampler.save(tmp_path / "a.safetensors")
    loaded = load_sampler(tmp_path / "a.safetensors", device="cpu")
    again, _ = loaded.sample(y={"dark": 2}, random_state=0)
    assert all(np.array_equal(a, b) for a, b in zip(images, again, strict=True))
    assert loaded.fingerprint() == sampler.fingerprint()
    assert loaded.modality == LEARNED
    bank = SampleBank.build(loaded, {"bright": 3}, tmp_path / "bank")
    assert bank.codec_ == sampler.codec_.pixels  # no autoencoder is needed to read it
    assert np.array_equal(bank[0][0], loaded.generate([0], "bright")[0])


def test_photographs_can_be_varied_by_the_flow() -> None:
    X, y = photographs()
    flow = ConditionalFlow(max_steps=1, width=4, random_state=0, device="cpu", modality=LEARNED)
    flow.fit(X, y)
    same = flow.vary(X[:2], y[:2], strength=0.0)
    expected = flow.codec_.decode(flow.codec_.encode(X[:2]))
    assert all(np.array_equal(a, b) for a, b in zip(same, expected, strict=True))


def test_a_folder_of_diffusers_is_referred_to(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "vae", "AutoencoderTiny")
    X, y = photographs()
    modality = Image(image_size=32, latent=folder)
    flow = ConditionalFlow(max_steps=1, width=4, random_state=0, device="cpu", modality=modality)
    flow.fit(X, y).save(tmp_path / "flow.safetensors")
    assert flow.spec_.shape == (4, 8, 8)
    loaded = load_sampler(tmp_path / "flow.safetensors", device="cpu")
    rows = [sampler.sample(y={"dark": 1}, random_state=0)[0][0] for sampler in (flow, loaded)]
    assert np.array_equal(*rows)
    folder.rename(tmp_path / "moved")
    with pytest.raises(ArchiveError, match="is not there: put it back"):
        load_sampler(tmp_path / "flow.safetensors", device="cpu")


def test_classifiers_get_pixels() -> None:
    rows = Rows.read(*photographs(), modality=LEARNED)
    inputs = rows.modality.classifier_inputs(rows.codec, rows.X)(rows.X)
    assert inputs.shape == (12, 3, 32, 40)
    assert -1 <= inputs.min() < inputs.max() <= 1
    network = rows.modality.classifier(rows.spec)()
    assert network(inputs).shape == (12, 2)
    seen = choose_features(torch.nn.Flatten(), rows, 0)(rows.X)
    assert np.array_equal(seen, inputs.flatten(1).numpy())
    sheet = rows.modality.sheet(rows.codec, rows.encoded[:2], 2)
    assert sheet is not None
    assert sheet.shape == (32, 80, 3)


def test_codecs_of_several_samplers_are_joined_as_pixels() -> None:
    X, _ = photographs()
    one, other = LEARNED.fit(X[:6])[0], LEARNED.fit(X[6:])[0]
    assert one.autoencoder != other.autoencoder
    assert one.joined([other]) == one.pixels


def test_private_training_is_refused() -> None:
    X, y = photographs()
    pytest.importorskip("opacus")
    budget = Private(epsilon=3, delta=1e-5, classes=["bright", "dark"])
    flow = ConditionalFlow(max_steps=1, width=4, modality=LEARNED, privacy=budget)
    with pytest.raises(InputError, match=r"latent= learns has seen the rows"):
        flow.fit(X, y)
