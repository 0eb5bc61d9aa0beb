"""A sentence encoder against the mean of hidden states that transformers computes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gen_augment import InputError, NGramSampler, Study, audit
from gen_augment.modalities.text import SentenceEncoder
from gen_augment.samplers.language.tokens import Tokens

transformers = pytest.importorskip("transformers")
TEXTS = ["where is my card", "card", "", "مرحبا \U0001f600", "what is the fee for a transfer " * 9]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder")
    (path / "tokenizer.json").write_text(Tokens.learn(TEXTS * 2, 300).to_json())
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=32,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(path)
    return path


@torch.no_grad()
def test_vectors_are_normalised_means_of_hidden_states(folder: Path) -> None:
    network = transformers.BertModel.from_pretrained(folder).eval()
    tokens = Tokens((folder / "tokenizer.json").read_text())
    found = SentenceEncoder(folder, batch_size=2).transform(TEXTS)
    for text, vector in zip(TEXTS, found, strict=True):
        ids = tokens.encode(text)[:32] or [0]
        mean = network(torch.tensor([ids])).last_hidden_state[0].mean(dim=0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_it_is_a_classifier_of_a_study_and_a_feature_space(folder: Path) -> None:
    X = [f"where is my card {i}" for i in range(20)] + [f"what is the fee {i}" for i in range(20)]
    y = ["card"] * 20 + ["fee"] * 20
    encoder = SentenceEncoder(folder)
    model = make_pipeline(clone(encoder), LogisticRegression())
    result = Study(X, y, modality="text", model=model, arms=["real", "aeda"], n_seeds=1).run()
    assert result.trials["error"].isna().all()
    found = audit(NGramSampler(random_state=0).fit(X, y), X, y, features=encoder)
    assert np.isfinite(found.table.loc["precision", "synthetic"])


def test_pickled_weights_and_other_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        SentenceEncoder(tmp_path / "none").fit(TEXTS)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickled weights are not read"):
        SentenceEncoder(tmp_path).fit(TEXTS)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read as a sentence encoder"):
        SentenceEncoder(tmp_path).fit(TEXTS)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    many = Tokens.learn([f"word{i} thing{i * 7}" for i in range(400)] * 2, 900)
    (tmp_path / "tokenizer.json").write_text(many.to_json())
    with pytest.raises(InputError, match="do not belong together"):
        SentenceEncoder(tmp_path).fit(TEXTS)
