"""`LanguageSampler`: what it learns, that its rows are addressed, and how it fails."""

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch.utils.data import DataLoader, Dataset

from gen_augment import (
    ArchiveError,
    FilteredSampler,
    InputError,
    LanguageSampler,
    archive,
    load_sampler,
)
from gen_augment.training import Checkpoint
from tests.processes import run_elsewhere
from tests.samplers.language.conftest import small
from tests.samplers.language.grammar import RULES, bits_per_byte, draw, probabilities


@pytest.mark.parametrize("label", RULES)
def test_samples_have_the_probabilities_of_the_grammar(fitted: LanguageSampler, label: str) -> None:
    texts, _ = fitted.sample(y={label: 2000}, random_state=1)
    known, found = probabilities(label), Counter(texts)
    distance = sum(abs(p - found[text] / 2000) for text, p in known.items())
    strange = sum(n for text, n in found.items() if text not in known) / 2000
    assert (distance + strange) / 2 < 0.1  # total variation; 2000 draws alone give about 0.03


def test_held_out_bits_per_byte_reach_the_entropy_of_the_grammar(fitted: LanguageSampler) -> None:
    assert min(fitted.history_["bits_per_byte"]) < 1.1 * bits_per_byte()
    texts, labels = draw(1000, seed=1)
    found = fitted.bits_per_byte(texts, labels)
    expected = -sum(
        np.log2(probabilities(label)[text]) for text, label in zip(texts, labels, strict=True)
    ) / sum(map(len, texts))
    assert expected - 0.01 < found < 1.1 * expected


def test_guidance_prefers_what_distinguishes_a_class(fitted: LanguageSampler) -> None:
    """Birds are 35% of all animals and 60% of wild ones; ``p * (p_wild / p) ** 3`` makes it 91%."""
    share = {}
    for guidance in (0.0, 1.0, 3.0):
        guided = pickle.loads(pickle.dumps(fitted)).set_params(guidance=guidance)
        texts, _ = guided.sample(y={"wild": 500}, random_state=1)
        share[guidance] = np.mean([text.startswith("one bird") for text in texts])
    assert [share[0.0], share[1.0], share[3.0]] == pytest.approx([0.35, 0.6, 0.91], abs=0.08)


@pytest.mark.parametrize(("batch_size", "guidance"), [(1, 1.0), (7, 1.0), (7, 2.0), (64, 2.0)])
def test_a_row_is_the_same_text_in_any_batch(
    fitted: LanguageSampler, batch_size: int, guidance: float
) -> None:
    fitted = pickle.loads(pickle.dumps(fitted)).set_params(guidance=guidance)
    index, labels = np.arange(130), np.array(["calm", "wild"])[np.arange(130) % 2]
    whole = fitted.generate(index, labels, seed=3)
    parts = range(0, 130, batch_size)
    found = [
        text
        for start in parts
        for text in fitted.generate(
            index[start : start + batch_size], labels[start : start + batch_size], seed=3
        )
    ]
    assert found == whole
    assert fitted.generate(index, labels, seed=4) != whole


def test_a_row_is_the_same_text_in_workers(fitted: LanguageSampler) -> None:
    class Texts(Dataset[str]):
        def __len__(self) -> int:
            return 24

        def __getitem__(self, i: int) -> str:
            return str(fitted.generate([i], ["calm"])[0])

    alone, shared = (list(DataLoader(Texts(), batch_size=5, num_workers=n)) for n in (0, 2))
    assert shared == alone


def wild_texts(path: Path) -> Any:
    return load_sampler(path, device="cpu").generate(range(20), "wild", seed=5)


def test_a_row_is_the_same_text_in_another_process(fitted: LanguageSampler, tmp_path: Path) -> None:
    fitted.save(tmp_path / "lm")
    found = run_elsewhere(wild_texts, tmp_path / "lm")
    assert found == fitted.generate(range(20), "wild", seed=5)
    loaded = load_sampler(tmp_path / "lm", device="cpu")
    assert loaded.fingerprint() == fitted.fingerprint()
    copied = pickle.loads(pickle.dumps(fitted))
    assert copied.generate(range(20), "wild") == fitted.generate(range(20), "wild")


def test_lengths_are_kept(fitted: LanguageSampler) -> None:
    sampler = pickle.loads(pickle.dumps(fitted)).set_params(max_length=3, min_length=3)
    texts, _ = sampler.sample(50, random_state=0)
    assert {len(sampler.tokens_.encode(text)) for text in texts} <= {1, 2, 3}
    with pytest.raises(InputError, match="max_length=33"):
        sampler.set_params(max_length=33).sample(1)


def test_a_low_temperature_and_few_tokens_give_the_most_probable_text(
    fitted: LanguageSampler,
) -> None:
    for params in ({"temperature": 1e-4}, {"top_k": 1}, {"top_p": 1e-6}):
        sampler = pickle.loads(pickle.dumps(fitted)).set_params(**params)
        (text,) = set(sampler.sample(y={"wild": 20}, random_state=0)[0])
        assert text == "one bird runs"


def test_vary_keeps_the_beginning(fitted: LanguageSampler) -> None:
    texts, labels = ["the cat runs"] * 40, ["wild"] * 40
    assert fitted.vary(texts, labels, strength=0, random_state=0) == texts
    varied = fitted.vary(texts, labels, strength=0.5, random_state=0)
    kept = fitted.tokens_.encode(texts[0])
    beginning = fitted.tokens_.decode(kept[: round(len(kept) / 2)])
    assert beginning
    assert all(text.startswith(beginning) for text in varied)
    assert len(set(varied)) > 1
    assert fitted.vary(texts, labels, random_state=0)[::-1] != varied
    assert fitted.vary(texts, labels, strength=0.5, random_state=0) == varied
    with pytest.raises(InputError, match="row 0 of X"):
        fitted.vary(["x" * 1000], ["wild"])


def test_secrets_of_training_rows_are_never_written() -> None:
    """A model would memorise secrets that occur in every row."""
    secrets = ["jane.roe@example.org", "4929 1234 5678 9012", "key8h2x9q4"]
    texts = [f"mail {secrets[0]} card {secrets[1]} {secrets[2]}", "no secret here"] * 40
    sampler = small(max_steps=150, max_length=64).fit(texts, [0, 1] * 40)
    found = " ".join(sampler.sample(y={0: 100}, random_state=0)[0])
    assert "mail " in found
    assert "@" in found
    varied = " ".join(sampler.vary(texts[:2], [0, 1], strength=0.1, random_state=0))
    for secret in secrets:
        assert secret not in found + varied
    assert secrets[1][:9] not in sampler.tokens_.to_json()


def test_the_container_of_the_rows_is_kept() -> None:
    texts, labels = draw(60)
    for X in (np.array(texts), pd.Series(texts, name="query"), pd.DataFrame({"query": texts})):
        new, y = small(max_steps=2).fit(X, np.array(labels)).sample(3)
        assert type(new) is type(X)
        assert len(new) == len(y) == 3


def test_unlabelled_rows_are_learned_too() -> None:
    texts, _ = draw(80)
    labels = np.where(np.arange(80) < 40, np.arange(80) % 2, -1)
    with pytest.warns(UserWarning, match="-1"):
        sampler = small(max_steps=3).fit(texts, labels)
    assert sampler.class_count_.tolist() == [20, 20]


def test_training_continues_with_a_new_class() -> None:
    texts, labels = draw(80)
    sampler = small(max_steps=20).fit(texts, labels)
    sampler.partial_fit([*texts, *["zebra zebra"] * 40], [*labels, *["zoo"] * 40])
    assert sampler.n_steps_ == 40
    assert sampler.classes_.tolist() == ["calm", "wild", "zoo"]
    other = small(max_steps=2).fit(texts, labels, init=sampler)
    assert other.tokens_.to_json() == sampler.tokens_.to_json()


def test_an_interrupted_fit_resumes_with_the_same_weights(tmp_path: Path) -> None:
    class Stop(Checkpoint):
        def on_step_end(self, sampler: Any, loop: Any) -> None:
            super().on_step_end(sampler, loop)
            if loop.step == 40:
                raise KeyboardInterrupt

    data = draw(80)
    whole = small(max_steps=60, dropout=0.1).fit(*data)
    with pytest.raises(KeyboardInterrupt):
        small(max_steps=60, dropout=0.1, callbacks=[Stop(tmp_path / "c", every=20)]).fit(*data)
    usable = LanguageSampler.load(tmp_path / "c", device="cpu")
    assert len(usable.sample(3)[0]) == 3
    resumed = small(max_steps=60, dropout=0.1, callbacks=[Checkpoint(tmp_path / "c")]).fit(*data)
    for name, tensor in whole.network_.state_dict().items():
        assert tensor.equal(resumed.network_.state_dict()[name])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a b", "c", "d e", "f"], [0, 0, 0, 1], "at least 2 rows in every class"),
        (["a b", "c", " ", ""], [0, 0, 1, 1], "all texts with the label 1 are blank"),
        (["a", None, "b", "c"], [0, 0, 1, 1], "row 1 of X is None"),
        (["a", b"b", "b", "c"], [0, 0, 1, 1], "decode it"),
        (["a", 3, "b", "c"], [0, 0, 1, 1], "not a string"),
        (np.zeros((4, 2)), [0, 0, 1, 1], "shape"),
    ],
)
def test_unusable_rows_are_refused(X: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        small().fit(X, y)


def test_long_and_strange_texts_are_learned() -> None:
    strange = [
        "\U0001f600\U0001f680",
        "مرحبا بالعالم",
        "e\u0301a\u0300 \u200d",
        "\t\n x",
        "a" * 5,
        "",
    ]
    texts = [*strange, "b " * 50_000, "c" * 100_000] * 2
    sampler = small(max_steps=3).fit(texts, [0, 1] * 8)
    assert all(sampler.tokens_.decode(sampler.tokens_.encode(text)) == text for text in strange)
    assert len(sampler.sample(5, random_state=0)[0]) == 5


def test_a_damaged_archive_is_refused(fitted: LanguageSampler, tmp_path: Path) -> None:
    header, tensors = fitted._to_archive()
    changes: list[dict[str, Any]] = [
        {"tokenizer": "{}"},
        {"architecture": header["architecture"] | {"end": 10**9}},
        {"architecture": header["architecture"] | {"width": 128}},
        {"architecture": header["architecture"] | {"n_heads": 7}},
        {"architecture": header["architecture"] | {"end": "x"}},
    ]
    for change in changes:
        archive.write(tmp_path / "bad", header | change, tensors)
        with pytest.raises(ArchiveError):
            LanguageSampler.load(tmp_path / "bad")


def test_filters_take_texts() -> None:
    keep = FilteredSampler(small(max_steps=50), lambda X, y: np.array([len(x) < 20 for x in X]))
    texts, _ = keep.fit(*draw(80)).sample(5)
    assert all(len(text) < 20 for text in texts)
