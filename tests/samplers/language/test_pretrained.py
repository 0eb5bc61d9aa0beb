"""GPT-2 folders: read as transformers reads them, fine-tuned, and refused if they are unsafe."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import InputError, LanguageSampler
from gen_augment.samplers.language.network import CausalTransformer
from gen_augment.samplers.language.pretrained import load_weights, read_folder
from gen_augment.samplers.language.tokens import Tokens
from tests.samplers.language.conftest import small
from tests.samplers.language.grammar import draw

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2, written by transformers."""
    path = tmp_path_factory.mktemp("gpt2")
    tokens = Tokens.learn(draw(200)[0], 300)
    (path / "tokenizer.json").write_text(tokens.to_json())
    torch.manual_seed(0)
    end = len(tokens)
    config = transformers.GPT2Config(
        vocab_size=end + 1, n_positions=40, n_embd=32, n_layer=2, n_head=4, bos_token_id=end,
        eos_token_id=end, initializer_range=0.2,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(path)
    return path


def changed(folder: Path, tmp_path: Path, **config: Any) -> Path:
    shutil.copytree(folder, tmp_path / "changed")
    file = tmp_path / "changed" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return tmp_path / "changed"


def tune(folder: Path, **params: Any) -> LanguageSampler:
    return small(pretrained=folder, max_steps=20, **params).fit(*draw(60))


@torch.no_grad()
def test_logits_are_those_of_transformers(folder: Path) -> None:
    """Without class embeddings, the network is plain GPT-2 after an end token."""
    pretrained = read_folder(folder, 0.0)
    model = CausalTransformer(pretrained.architecture, 1).eval()
    load_weights(model, pretrained)
    model.label.weight.zero_()
    reference = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    end = pretrained.architecture.end
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, end, (3, 9)))
    expected = reference(torch.cat([torch.full((3, 1), end), ids[:, :-1]], dim=1)).logits
    y = torch.zeros(3, dtype=torch.int64)
    torch.testing.assert_close(model(ids, y), expected.flatten(0, 1), rtol=1e-4, atol=1e-4)
    logits, cache = model.first(y)
    for t in range(9):
        torch.testing.assert_close(logits, expected[:, t], rtol=1e-4, atol=1e-4)
        logits = model.following(ids[:, t], y, cache)


def test_all_weights_are_tuned_slowly(folder: Path, tmp_path: Path) -> None:
    sampler = tune(folder)
    start = read_folder(folder, 0.0).weights["h.0.attn.c_attn.weight"]
    moved = (sampler.network_.state_dict()["model.h.0.attn.c_attn.weight"] - start).abs().max()
    assert 0 < moved < 20 * 5e-3 / 20 * 1.5
    sampler.save(tmp_path / "lm")
    shutil.move(tmp_path / "lm", tmp_path / "other")
    loaded = LanguageSampler.load(tmp_path / "other", device="cpu")
    assert loaded.generate(range(5), "calm") == sampler.generate(range(5), "calm")


def test_lora_trains_adapters_and_classes_only(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    sampler = tune(folder, lora_rank=2)
    state, start = sampler.network_.state_dict(), read_folder(folder, 0.0).weights
    assert state["model.h.0.attn.c_attn.base_layer.weight"].equal(start["h.0.attn.c_attn.weight"])
    assert state["model.wte.weight"].equal(start["wte.weight"])
    assert state["model.h.0.attn.c_attn.lora_B.default.weight"].abs().max() > 0
    assert not state["model.label.weight"][0].equal(state["model.label.weight"][1])
    sampler.save(tmp_path / "lm")
    loaded = LanguageSampler.load(tmp_path / "lm", device="cpu")
    assert loaded.generate(range(5), "calm") == sampler.generate(range(5), "calm")


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    other = changed(folder, tmp_path)
    (other / "model.safetensors").unlink()
    torch.save({}, other / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"only pickled weights \(pytorch_model.bin\)"):
        tune(other)
    (other / "pytorch_model.bin").unlink()
    with pytest.raises(InputError, match="no weights"):
        tune(other)


def test_a_tokenizer_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    other = changed(folder, tmp_path)
    many = [f"word{i} thing{i * 7}" for i in range(400)] * 2
    (other / "tokenizer.json").write_text(Tokens.learn(many, 900).to_json())
    with pytest.raises(InputError, match="do not belong together"):
        tune(other)
    (other / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        tune(other)
    (other / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="save the tokenizer"):
        tune(other)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "llama"}, "only GPT-2"),
        ({"activation_function": "relu"}, "activation_function"),
        ({"n_embd": 64}, "do not fit together"),
        ({"n_layer": 3}, "do not fit together"),
        ({"eos_token_id": 10**6}, "ends a text"),
        ({"n_head": 5}, "not a multiple"),
        ({"n_positions": 20}, "positions for 19"),
    ],
)
def test_other_networks_are_refused(
    folder: Path, tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        tune(changed(folder, tmp_path, **config))


def test_damaged_weights_and_missing_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    other = changed(folder, tmp_path)
    (other / "model.safetensors").write_bytes(b"\x80\x04]")
    with pytest.raises(InputError, match="damaged"):
        tune(other)
    with pytest.raises(InputError, match="is not a folder"):
        tune(tmp_path / "nowhere")
