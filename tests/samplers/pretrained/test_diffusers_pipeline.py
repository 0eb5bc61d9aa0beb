"""Diffusion pipelines from a folder, against direct calls of small random pipelines."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from gen_augment import InputError, MissingDependencyError, SampleBank
from gen_augment.rng import derive_seed, normal
from gen_augment.samplers.pretrained import PretrainedSampler
from gen_augment.samplers.pretrained.wrapped import row_seeds
from tests.conftest import toy_images

diffusers = pytest.importorskip("diffusers")
# Other libraries' notices to their own users.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

LABELS = np.array(["cat", "dog"])


def vae() -> Any:
    return diffusers.AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 4),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=16,
    )


def build_dit(folder: Path, scheduler: Any = None) -> Path:
    torch.manual_seed(0)
    transformer = diffusers.DiTTransformer2DModel(
        sample_size=8, num_layers=1, patch_size=4, attention_head_dim=4, num_attention_heads=2, in_channels=4,
        out_channels=8, attention_bias=True, activation_fn="gelu-approximate", num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero", norm_elementwise_affine=False,
    )  # fmt: skip
    for parameter in transformer.parameters():  # DiT starts as the zero function
        torch.nn.init.normal_(parameter, std=0.2)
    pipeline = diffusers.DiTPipeline(transformer, vae(), scheduler or diffusers.DDIMScheduler())
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def build_stable_diffusion(folder: Path) -> Path:
    """Text to image, with a text encoder and a tokenizer of letters."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    letters = [chr(code) for code in range(97, 123)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        unk_token="<|endoftext|>",  # noqa: S106
        model_max_length=16,
    )
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, bos_token_id=52, eos_token_id=53, pad_token_id=53,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(4, 8), norm_num_groups=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8, attention_head_dim=2,
    )  # fmt: skip
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae(), text_encoder=CLIPTextModel(config), tokenizer=tokenizer, unet=unet,
        scheduler=diffusers.DDIMScheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def dit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dit(tmp_path_factory.mktemp("dit") / "pipeline")


@pytest.fixture(scope="module")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stable_diffusion(tmp_path_factory.mktemp("sd") / "pipeline")


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    X, y = toy_images(20, 16, 3)
    return X, LABELS[y]


def open_dit(path: Path, **params: Any) -> PretrainedSampler:
    defaults: dict[str, Any] = {
        "class_map": {"cat": 281, "dog": 207},
        "num_inference_steps": 2,
        "random_state": 3,
        "device": "cpu",
    }
    return PretrainedSampler.from_diffusers(path, **(defaults | params))


def open_text(path: Path, **params: Any) -> PretrainedSampler:
    prompts = {"cat": "a cat", "dog": "a dog"}
    return open_dit(
        path, **({"class_map": None, "prompts": prompts, "num_inference_steps": 4} | params)
    )


def generators(index: Any, table: str = "noise") -> list[torch.Generator]:
    z = normal(np.asarray(index), (8,), derive_seed(3, table))
    return [torch.Generator().manual_seed(seed) for seed in row_seeds(z)]


def as_uint8(images: torch.Tensor) -> np.ndarray:
    return np.rint(images.numpy().transpose(0, 2, 3, 1) * 255).astype(int)


def load(path: Path, kind: Any) -> Any:
    pipeline = kind.from_pretrained(path)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_dit_images_equal_those_of_the_pipeline(dit: Path, data: Any) -> None:
    sampler = open_dit(dit, options={"guidance_scale": 3.0}).fit(*data)
    found = sampler.generate([4, 0, 1000], ["dog", "cat", "cat"])
    pipeline = load(dit, diffusers.DiTPipeline)
    by_hand = pipeline([207, 281, 281], guidance_scale=3.0, num_inference_steps=2, output_type="pt",
                       generator=generators([4, 0, 1000]))  # fmt: skip
    np.testing.assert_allclose(found.astype(int), as_uint8(by_hand.images), atol=1)
    assert found.shape == (3, 16, 16, 3)
    assert found.std() > 1
    assert not hasattr(sampler, "vary")


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "DDPMScheduler"])
def test_a_row_depends_on_its_address_alone(scheduler: str, tmp_path: Path, data: Any) -> None:
    """`DiTPipeline` passes no generator, so a stochastic scheduler uses torch's global one."""
    sampler = open_dit(
        build_dit(tmp_path / "dit", getattr(diffusers, scheduler)()), batch_size=5
    ).fit(*data)
    state = torch.get_rng_state()
    index, labels = np.arange(12), LABELS[np.arange(12) % 2]
    whole = sampler.generate(index, labels)
    for size in (1, 4, 11):
        parts = [
            sampler.generate(index[i : i + size], labels[i : i + size]) for i in range(0, 12, size)
        ]
        np.testing.assert_allclose(np.concatenate(parts).astype(int), whole.astype(int), atol=1)
    np.testing.assert_allclose(
        sampler.generate(index[::-1], labels[::-1]).astype(int)[::-1], whole.astype(int), atol=1
    )
    assert len({row.tobytes() for row in whole}) == 12
    assert torch.equal(torch.get_rng_state(), state)
    assert sampler.network_.learned.seeded == (
        {"generator"} if scheduler == "DDPMScheduler" else set()
    )  # type: ignore[union-attr]


def test_text_to_image_and_image_to_image(stable_diffusion: Path, data: Any) -> None:
    X, y = data
    sampler = open_text(stable_diffusion).fit(X, y)
    found = sampler.generate([4, 0], ["dog", "cat"])
    pipeline = load(stable_diffusion, diffusers.StableDiffusionPipeline)
    by_hand = pipeline(
        ["a dog", "a cat"], num_inference_steps=4, output_type="pt", generator=generators([4, 0])
    )
    np.testing.assert_allclose(found.astype(int), as_uint8(by_hand.images), atol=1)

    np.testing.assert_array_equal(sampler.vary(X, y, strength=0, random_state=3), X)
    varied = sampler.vary(X[:2], y[:2], strength=0.5, random_state=3)
    editor = load(stable_diffusion, diffusers.StableDiffusionImg2ImgPipeline)
    images = torch.from_numpy(X[:2]).permute(0, 3, 1, 2) / 255
    by_hand = editor(["a cat", "a dog"], image=images, strength=0.5, num_inference_steps=4, output_type="pt",
                     generator=generators([0, 1], "vary"))  # fmt: skip
    np.testing.assert_allclose(varied.astype(int), as_uint8(by_hand.images), atol=1)
    np.testing.assert_allclose(
        sampler.vary(X[:1], y[:1], strength=0.5, random_state=3).astype(int),
        varied[:1].astype(int),
        atol=1,
    )


def test_an_image_to_image_folder_generates_images(
    stable_diffusion: Path, tmp_path: Path, data: Any
) -> None:
    folder = shutil.copytree(stable_diffusion, tmp_path / "editor")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(
        json.dumps(index | {"_class_name": "StableDiffusionImg2ImgPipeline"})
    )
    expected = open_text(stable_diffusion).fit(*data)
    sampler = open_text(folder).fit(*data)
    np.testing.assert_array_equal(
        sampler.generate([0, 1], data[1][:2]), expected.generate([0, 1], data[1][:2])
    )
    np.testing.assert_array_equal(
        sampler.vary(*data, random_state=0), expected.vary(*data, random_state=0)
    )
    assert sampler.fingerprint() != expected.fingerprint()
    for other in (pickle.loads(pickle.dumps(sampler)), clone(sampler).fit(*data)):
        np.testing.assert_array_equal(
            other.vary(*data, random_state=0), sampler.vary(*data, random_state=0)
        )


def test_sizes_and_precision(dit: Path) -> None:
    X, y = toy_images(10, 12, 3)
    sampler = open_dit(dit, class_map={0: 0, 1: 999}).fit(X, y)
    assert sampler.sample(2)[0].shape == (2, 12, 12, 3)
    with pytest.raises(
        InputError, match=r"\(3, 16, 16\), and those of X have \(3, 12, 12\): set resize=True"
    ):
        open_dit(dit, class_map={0: 0, 1: 1}, resize=False).fit(X, y)
    half = open_dit(dit, class_map={0: 0, 1: 999}, dtype="bfloat16").fit(X, y)
    assert half.sample(2)[0].dtype == np.uint8


def test_copies_banks_and_fingerprints(dit: Path, data: Any, tmp_path: Path) -> None:
    sampler = open_dit(dit).fit(*data)
    expected = sampler.generate([0, 1], ["cat", "dog"])
    pickled = pickle.dumps(sampler)
    assert len(pickled) < 20_000  # a path, and no weights
    for other in (pickle.loads(pickled), clone(sampler).fit(*data), open_dit(dit).fit(*data)):
        np.testing.assert_array_equal(other.generate([0, 1], ["cat", "dog"]), expected)
        assert other.fingerprint() == sampler.fingerprint()
    assert open_dit(dit, num_inference_steps=3).fit(*data).fingerprint() != sampler.fingerprint()
    assert (
        open_dit(build_dit(tmp_path / "b", diffusers.DDPMScheduler())).fit(*data).fingerprint()
        != sampler.fingerprint()
    )

    bank = SampleBank.build(sampler, {"dog": 3}, tmp_path / "bank")
    assert [bank[i][1] for i in range(3)] == ["dog"] * 3
    assert SampleBank.open(tmp_path / "bank")[0][0].shape == (16, 16, 3)


def refused(folder: Path, message: str, **params: Any) -> None:
    with pytest.raises(InputError, match=message):
        open_dit(folder, **params)


def test_bad_folders_are_refused(dit: Path, tmp_path: Path) -> None:
    refused(
        tmp_path / "nothing",
        r"nothing is not a folder with a model_index\.json.*Nothing is downloaded",
    )
    refused(Path("facebook/DiT-XL-2-256"), "is not a folder with a model_index")
    refused(dit / "model_index.json", "is not a folder with a model_index")

    def changed(name: str, **index: Any) -> Path:
        folder = shutil.copytree(dit, tmp_path / name)
        record = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(record | index))
        return folder

    pickles = changed("pickles")
    torch.save({}, pickles / "vae" / "diffusion_pytorch_model.bin")
    open_dit(pickles)  # the pickle is ignored if there are safetensors
    (pickles / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    refused(pickles, r"vae holds weights only as pickles, which are never loaded")
    gone = changed("gone")
    (gone / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    refused(gone, "gone cannot be loaded as a pipeline")
    torn = changed("torn")
    weights = torn / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    refused(torn, "torn cannot be loaded as a pipeline")
    shards = changed("shards")
    record = {"metadata": {}, "weight_map": {"a": "../../x.bin"}}
    (shards / "vae" / "diffusion_pytorch_model.safetensors.index.json").write_text(
        json.dumps(record)
    )
    refused(shards, "refers to files that are not safetensors in its folder")
    wrong = {
        "os": {"vae": ["os", "system"]},
        "up": {"../x": ["diffusers", "AutoencoderKL"]},
        "list": {"_class_name": ["mine", "Mine"]},
        "unknown": {"_class_name": "NoPipeline"},
    }
    for name, part in wrong.items():
        refused(changed(name, **part), r"model_index\.json needs ")
    broken = changed("broken")
    (broken / "model_index.json").write_text("[")
    refused(broken, "cannot be read as JSON")


@pytest.mark.parametrize("place", ["pipeline.py", "vae/mine.py"])
def test_code_in_a_folder_is_not_run(place: str, dit: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(dit, tmp_path / "code")
    (folder / place).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"vae": ["mine", "Mine"]}))
    refused(folder, rf"holds code, such as '{place}', which is never run")
    assert not (tmp_path / "ran").exists()


def test_calls_that_do_not_match_the_pipeline_are_refused(
    dit: Path, stable_diffusion: Path, data: Any, tmp_path: Path
) -> None:
    refused(
        dit,
        "takes no prompt, which prompts needs: give class_map instead",
        class_map=None,
        prompts={"cat": "a cat"},
    )
    refused(stable_diffusion, "takes no class_labels, which class_map needs: give prompts instead")
    refused(dit, "either class_map", class_map=None)
    refused(dit, "either class_map", prompts={"cat": "a cat"})
    refused(
        dit,
        r"class_map\['dog'\]=1000, but .* has the classes 0 to 999",
        class_map={"cat": 0, "dog": 1000},
    )
    refused(dit, "options has 'height'", options={"height": 32})
    refused(dit, "options has 'generator'", options={"generator": None})
    refused(dit, "num_inference_steps=0", num_inference_steps=0)
    refused(dit, "dtype='float8'", dtype="float8")
    refused(
        stable_diffusion,
        "prompts has 3 at position 1",
        class_map=None,
        prompts={"cat": "a cat", "dog": 3},
    )
    with pytest.raises(InputError, match=r"class_map has no entry for \['dog'\]"):
        open_dit(dit, class_map={"cat": 1}).fit(*data)
    unconditional = diffusers.DDPMPipeline(
        diffusers.UNet2DModel(
            sample_size=8, block_out_channels=(4,), down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
            norm_num_groups=2, layers_per_block=1,
        ),
        diffusers.DDPMScheduler(),
    )  # fmt: skip
    unconditional.save_pretrained(tmp_path / "ddpm")
    refused(tmp_path / "ddpm", "a DDPMPipeline cannot be used here")


def test_diffusers_is_imported_on_demand(dit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys, gen_augment.samplers.pretrained; sys.exit('diffusers' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[diffusers\]"):
        open_dit(dit)
