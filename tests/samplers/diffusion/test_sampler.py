"""`DiffusersSampler` as a user meets it."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from gen_augment import (
    ArchiveError,
    DiffusersSampler,
    InputError,
    NotFittedError,
    SampleBank,
    load_sampler,
)
from gen_augment.rng import derive_seed, normal
from gen_augment.samplers.diffusion.folder import load_pipeline
from gen_augment.samplers.pretrained.wrapped import row_seeds
from gen_augment.training import Callback, Checkpoint
from tests.conftest import toy_images, toy_table
from tests.samplers.diffusion.conftest import sampler
from tests.samplers.diffusion.pipelines import FAMILIES

Pipelines = Callable[[str], Path]
Data = tuple[np.ndarray, np.ndarray]
#: Warnings of other libraries to their own users.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]


@pytest.fixture(scope="module")
def fitted(pipeline: Pipelines, data: Data) -> DiffusersSampler:
    return sampler(pipeline("sd"), max_steps=3, lr=1e-2).fit(*data)


@pytest.mark.parametrize("name", FAMILIES)
def test_fit_sample_vary_and_save(
    name: str, pipeline: Pipelines, data: Data, tmp_path: Path
) -> None:
    made = sampler(pipeline(name), lr=1e-2).fit(*data)
    X, y = made.sample(y={"dog": 2, "cat": 1}, random_state=0)
    assert (X.shape, X.dtype, list(y)) == ((3, 16, 16, 3), np.uint8, ["dog", "dog", "cat"])
    varied = made.vary(*data, strength=0.5, random_state=0)
    made.save(tmp_path / "a.safetensors")
    again = load_sampler(tmp_path / "a.safetensors", device="cpu")
    np.testing.assert_array_equal(again.sample(y={"dog": 2, "cat": 1}, random_state=0)[0], X)
    np.testing.assert_array_equal(again.vary(*data, strength=0.5, random_state=0), varied)
    assert again.fingerprint() == made.fingerprint()
    assert (tmp_path / "a.safetensors").stat().st_size < 60_000


def test_only_the_mask_changes(data: Data, fitted: DiffusersSampler) -> None:
    X, y = data[0][:3], data[1][:3]
    mask = np.zeros((16, 16), bool)
    mask[4:9, 2:8] = True
    for strength in (0.5, 1.0, [0.25, 0.0, 1.0]):
        made = fitted.vary(X, y, strength=strength, random_state=0, mask=mask)
        np.testing.assert_array_equal(made[:, ~mask], X[:, ~mask])
        assert (made[2] != X[2]).any()
    each = np.stack([mask, ~mask, mask])
    made = fitted.vary(X, y, strength=[0.25, 0.0, 1.0], random_state=0, mask=each)
    np.testing.assert_array_equal(made[~each], X[~each])
    for wrong in (mask.astype(int), mask[1:], np.stack([mask, mask])):
        with pytest.raises(InputError, match=r"mask is of .*: give booleans of shape \(16, 16\)"):
            fitted.vary(X, y, mask=wrong)


def test_only_adapters_change(pipeline: Pipelines, data: Data, fitted: DiffusersSampler) -> None:
    original = load_pipeline(pipeline("sd"), torch.float32)
    changed = fitted.network_.family.pipeline
    mine = {id(weight) for weight in fitted.network_.parameters()}
    for part in ("unet", "vae", "text_encoder"):
        frozen = {
            name.replace(".base_layer", "").replace(".base", ""): weight
            for name, weight in getattr(changed, part).state_dict(keep_vars=True).items()
            if id(weight) not in mine
        }
        for name, weight in getattr(original, part).state_dict().items():
            assert torch.equal(frozen[name], weight), name
    start = sampler(pipeline("sd"), max_steps=3, lr=1e-9).fit(*data).network_.state_dict()
    end = fitted.network_.state_dict()
    moved = [
        name for name in end if "lora_B" in name and not torch.allclose(start[name], end[name])
    ]
    assert len(moved) > 20
    assert not torch.allclose(start["vectors.text_encoder"], end["vectors.text_encoder"])


def test_as_it_is_the_pipeline_gives_its_own_images(pipeline: Pipelines, data: Data) -> None:
    """Without training, images are those of a direct call with the generators of the rows."""
    prompts = {"cat": "a cat", "dog": "two dogs"}
    made = sampler(pipeline("sd"), max_steps=0, prompts=prompts, guidance=3.0).fit(*data)
    found = made.generate([4, 0], ["dog", "cat"])
    z = normal(np.array([4, 0]), (8,), derive_seed(3, "noise"))
    direct = load_pipeline(pipeline("sd"), torch.float32)
    expected = direct(
        ["two dogs", "a cat"], guidance_scale=3.0, num_inference_steps=4, output_type="np",
        generator=[torch.Generator().manual_seed(seed) for seed in row_seeds(z)],
    ).images  # fmt: skip
    np.testing.assert_allclose(found.astype(int), np.rint(expected * 255).astype(int), atol=1)
    assert made.n_steps_ == 0
    numbered = sampler(pipeline("dit"), max_steps=0, class_map={"cat": 281, "dog": 207}).fit(*data)
    assert numbered.sample(2)[0].shape == (2, 16, 16, 3)


def test_rows_do_not_depend_on_the_batch(fitted: DiffusersSampler) -> None:
    labels = np.array(["cat", "dog"])[np.arange(9) % 2]
    whole = fitted.generate(np.arange(9), labels).astype(int)
    for size in (1, 4, 7):
        other = clone(fitted)
        other.__dict__.update(fitted.__dict__ | {"batch_size": size})
        np.testing.assert_allclose(other.generate(np.arange(9), labels).astype(int), whole, atol=1)
    backwards = fitted.generate(np.arange(9)[::-1], labels[::-1]).astype(int)
    np.testing.assert_allclose(backwards[::-1], whole, atol=1)


def test_several_prompts_are_sampled_by_address(
    fitted: DiffusersSampler, pipeline: Pipelines, data: Data
) -> None:
    both = sampler(pipeline("sd"), max_steps=0, prompts=["a {}", "many of {}"]).fit(*data)
    each = [
        sampler(pipeline("sd"), max_steps=0, prompts=p).fit(*data) for p in ("a {}", "many of {}")
    ]
    rows = both.generate(np.arange(12), "cat").astype(int)
    options = np.stack([made.generate(np.arange(12), "cat").astype(int) for made in each])
    chosen = abs(options - rows).max(axis=(2, 3, 4)).argmin(axis=0)
    assert abs(options[chosen, np.arange(12)] - rows).max() <= 1
    assert set(chosen.tolist()) == {0, 1}
    np.testing.assert_array_equal(both.generate([7], "cat"), both.generate([7], ["cat"]))
    changed = fitted.generate([0, 1], "cat")
    other = pickle.loads(pickle.dumps(fitted)).set_params(negative_prompt="dark", guidance=9.0)
    assert (other.generate([0, 1], "cat") != changed).any()


def test_strengths(fitted: DiffusersSampler, data: Data) -> None:
    X, y = data
    np.testing.assert_array_equal(fitted.vary(X, y, strength=0, random_state=0), X)
    ignored = [fitted.vary(each, y, strength=1, random_state=0) for each in (X, 255 - X)]
    np.testing.assert_array_equal(*ignored)
    strengths = np.resize([0.25, 0.5, 1.0], len(X))
    mixed = fitted.vary(X, y, strength=strengths, random_state=0).astype(int)
    for value in np.unique(strengths):
        alike = fitted.vary(X, y, strength=value, random_state=0).astype(int)
        here = strengths == value
        np.testing.assert_allclose(mixed[here], alike[here], atol=1)
    for bad in ([0.5, 0.5], [2.0] * len(X), "much", [None] * len(X)):
        with pytest.raises(InputError, match="strength"):
            fitted.vary(X, y, strength=bad)


def test_copies_give_the_same_rows(fitted: DiffusersSampler, data: Data, tmp_path: Path) -> None:
    expected = fitted.generate([0, 5], ["cat", "dog"])
    for other in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(*data)):
        np.testing.assert_array_equal(other.generate([0, 5], ["cat", "dog"]), expected)
        assert other.fingerprint() == fitted.fingerprint()
    bank = SampleBank.build(fitted, {"dog": 3}, tmp_path / "bank")
    assert SampleBank.open(tmp_path / "bank")[0][0].shape == (16, 16, 3)
    assert len(bank) == 3


def test_training_can_go_on(pipeline: Pipelines, data: Data) -> None:
    made = sampler(pipeline("ddpm"), lr=1e-2).fit(*data)
    before = {name: weight.clone() for name, weight in made.network_.state_dict().items()}
    made.partial_fit(*data)
    assert made.n_steps_ == 4
    after = made.network_.state_dict()
    assert any(not torch.equal(after[name], before[name]) for name in before)
    other = sampler(pipeline("ddpm"), lr=1e-9).fit(*data, init=made)
    for name, weight in other.network_.state_dict().items():
        torch.testing.assert_close(weight, after[name], atol=1e-6, rtol=0)
    with pytest.raises(InputError, match="init cannot be the start"):
        made.partial_fit(data[0][:2], ["cow", "cow"])


class Stop(Callback):
    """Presses Ctrl-C."""

    def on_step_end(self, sampler: Any, loop: Any) -> None:
        if loop.step == 3:
            raise KeyboardInterrupt


def test_a_killed_fit_resumes(pipeline: Pipelines, data: Data, tmp_path: Path) -> None:
    def made(*callbacks: Callback) -> DiffusersSampler:
        return sampler(pipeline("sd"), max_steps=5, lr=1e-2, callbacks=list(callbacks))

    whole = made().fit(*data)
    path = tmp_path / "check.safetensors"
    with pytest.raises(KeyboardInterrupt):
        made(Checkpoint(path, every=2), Stop()).fit(*data)
    resumed = made(Checkpoint(path, every=2)).fit(*data)
    for name, weight in whole.network_.state_dict().items():
        assert torch.equal(resumed.network_.state_dict()[name], weight), name
    assert DiffusersSampler.load(path, device="cpu").n_steps_ == 5
    with pytest.raises(ArchiveError, match="checkpoint of another run"):
        made(Checkpoint(path)).set_params(prompts="other {}").fit(*data)


def test_a_moved_or_changed_pipeline(pipeline: Pipelines, data: Data, tmp_path: Path) -> None:
    folder = shutil.copytree(pipeline("ddpm"), tmp_path / "here")
    made = sampler(folder).fit(*data)
    expected = made.generate([0], "cat")
    made.save(tmp_path / "a.safetensors")
    folder.rename(tmp_path / "there")
    with pytest.raises(ArchiveError, match=r"here is not a folder.*pipeline=folder"):
        load_sampler(tmp_path / "a.safetensors")
    moved = DiffusersSampler.load(
        tmp_path / "a.safetensors", device="cpu", pipeline=tmp_path / "there"
    )
    np.testing.assert_array_equal(moved.generate([0], "cat"), expected)
    assert moved.fingerprint() == made.fingerprint()
    with pytest.raises(ArchiveError, match="another pipeline than the one that was fitted"):
        DiffusersSampler.load(tmp_path / "a.safetensors", pipeline=pipeline("sd"))


def test_precision_sizes_and_grey_images(pipeline: Pipelines) -> None:
    X, y = toy_images(8, 12, 1)
    half = sampler(pipeline("sd"), precision="bf16-mixed").fit(X, y)
    assert half.network_.family.denoiser.dtype == torch.bfloat16
    assert all(weight.dtype == torch.float32 for weight in half.network_.lora.values())
    assert half.sample(2)[0].shape == (2, 12, 12, 1)
    assert half.vary(X[:2], y[:2], strength=0.5).shape == (2, 12, 12, 1)
    large = sampler(pipeline("sd"), image_size=32).fit(X, y)
    assert large.sample(1)[0].shape == (1, 12, 12, 1)
    grey = sampler(pipeline("grey-ddpm")).fit(np.repeat(X, 3, axis=3), y)
    sample = grey.sample(1)[0]
    assert (sample[..., 0] == sample[..., 1]).all()


def test_bad_data(pipeline: Pipelines, data: Data) -> None:
    made = sampler(pipeline("ddpm"))
    with pytest.raises(NotFittedError):
        made.sample(1)
    with pytest.raises(InputError, match="X holds table rows, and DiffusersSampler makes images"):
        made.fit(*toy_table())
    with pytest.raises(InputError, match="images with 4 channels cannot be turned into 3"):
        made.fit(np.zeros((4, 16, 16, 4), np.uint8), [0, 1, 0, 1])
    with pytest.raises(InputError, match=r"prompts has no entry for \['dog'\]"):
        sampler(pipeline("sd"), prompts={"cat": "x"}).fit(*data)
    with pytest.raises(InputError, match="path=None"):
        DiffusersSampler().fit(*data)
    made.fit(*data)
    before = made.generate([0], "cat")
    with pytest.raises(InputError, match="lora_rank=0"):
        made.set_params(lora_rank=0).fit(*data)
    made.set_params(lora_rank=2)
    np.testing.assert_array_equal(made.generate([0], "cat"), before)
    with pytest.raises(InputError, match="label 'cow' was not seen in fit"):
        made.generate([0], "cow")


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.samplers.diffusion.colours import save_colour_pipeline

    return save_colour_pipeline(tmp_path_factory.mktemp("colours") / "pipeline")


@pytest.mark.slow
@pytest.mark.parametrize("rank", [None, 4])
def test_the_colour_of_a_sample_names_its_class(rank: Any, colours: Path) -> None:
    """A small DiT that knows eight colours learns two classes, which are red and blue."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 30, (32, 8, 8, 3)), np.arange(32) % 2
    X[y == 0, ..., 0] += 200
    X[y == 1, ..., 2] += 200
    made = DiffusersSampler(
        colours, max_steps=200, lora_rank=rank, lr=1e-2 if rank is None else 3e-3,
        batch_size=16, num_inference_steps=20, random_state=0, device="cpu",
    ).fit(X.astype(np.uint8), y)  # fmt: skip
    samples, labels = made.sample(y={0: 100, 1: 100}, random_state=0)
    colour = samples.astype(float).mean(axis=(1, 2))
    assert ((colour[:, 2] > colour[:, 0]) == labels).mean() >= 0.95
