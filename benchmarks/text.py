"""Few texts: how much synthetic rows add at 5, 10 and 20 queries of an intent, and with all.

The data are the 77 intents of banking77 (Casanueva et al. 2020, arXiv:2003.04807). Beside the
training rows, 3, 5 and 10 rows of each intent choose the arm, or 20% of all; the test part has
3,080 rows. Each size is run with two classifiers: TF-IDF with logistic regression, and a bag of
word embeddings, which takes equal steps for all arms. Features, regularisation and dropout were
chosen for real rows alone, on 2,000 training rows.

Editing rows needs no model, so ``eda``, ``aeda``, ``typos`` and ``recombine`` are among the
baselines. ``eda:1`` has one edited row for each real one (swap, delete or insert words; Wei and Zou
2019, without a thesaurus), and ``eda:4`` has four; ``aeda`` adds punctuation (Karimi et al. 2021);
``typos`` changes characters; ``recombine`` joins halves of two rows of an intent. ``ngram`` is
learned, an n-gram model of each intent. ``share=1`` trains on synthetic rows alone, though TF-IDF
weights are those of all rows.

``text-lowdata-lm`` compares some of these arms with a small `LanguageSampler` from scratch.
``vary=0.25`` keeps three quarters of a row and continues it. More guidance and longer training did
not help on validation rows of two other seeds. For pretrained weights run
``protocol(LanguageSampler(pretrained=folder), "text-lowdata-gpt2").run(quick=False)``.
"""

from functools import lru_cache, partial
from typing import Any

import pandas as pd
from sklearn.base import clone

from benchmarks.protocol import Protocol, Setup
from gen_augment.data.sources import data_root
from gen_augment.errors import InputError
from gen_augment.modalities.text import WordBag
from gen_augment.rng import derive_seed
from gen_augment.samplers import AEDASampler, EditSampler, LanguageSampler, NGramSampler
from gen_augment.study import Split, Study, Training

__all__ = ["LANGUAGE", "PROTOCOL", "protocol"]

#: Training and validation rows of each intent, by setup; None takes all.
SIZES = {"5 an intent": (5, 3), "10 an intent": (10, 5), "20 an intent": (20, 10), "all": None}
#: Steps of the embedding bag, and at most of the language model, which stops early.
STEPS = {"5 an intent": 1000, "10 an intent": 1300, "20 an intent": 1600, "all": 3200}
LANGUAGE_STEPS = {"5 an intent": 300, "10 an intent": 400, "20 an intent": 600, "all": 1500}
CLASSIFIERS = ("TF-IDF", "embedding bag")
#: Where classes are not alike.
BALANCED = ("oversample", "weights")
ARMS = (
    "real", "repeat", "eda:1", "eda:4", "aeda:1", "aeda:4", "typos:1", "recombine:1",
    "ngram:1", "ngram:1:agreement", "ngram:1:share=1",
)  # fmt: skip
LANGUAGE_ARMS = (
    "real", "aeda:1", "ngram:1", "lm:1", "lm:1:agreement", "lm:1:vary=0.25", "lm:1:share=1",
)  # fmt: skip
SAMPLERS = {
    "eda": EditSampler(),
    "aeda": AEDASampler(),
    "typos": EditSampler(edits=("typo", "noise")),
    "recombine": EditSampler(edits=("recombine",)),
    "ngram": NGramSampler(),
}


def protocol(language: LanguageSampler | None = None, name: str = "text-lowdata") -> Protocol:
    """The protocol, with the arms of a language model if one is given, not fitted."""
    setups = {
        f"{size}, {classifier}": _setup(size, language is not None)
        for size in SIZES
        for classifier in CLASSIFIERS
    }
    return Protocol(name, setups, partial(make, language))


def _setup(size: str, has_language: bool) -> Setup:
    steps = {"classifier": STEPS[size], "ngram": 0}
    if has_language:
        return Setup(LANGUAGE_ARMS, steps | {"lm": LANGUAGE_STEPS[size]})
    return Setup(ARMS if SIZES[size] else (ARMS[0], *BALANCED, *ARMS[1:]), steps)


def make(
    language: LanguageSampler | None, rows: str, setup: Setup, seed: int, quick: bool
) -> Study:
    """The study of one seed."""
    size, classifier = rows.split(", ")
    train, test = (part(name, quick) for name in ("train", "test"))
    counts = (5, 3) if quick else SIZES[size]
    n_classes = train["category"].nunique()
    samplers: dict[str, Any] = dict(SAMPLERS)
    if language is not None:
        samplers["lm"] = clone(language).set_params(max_steps=setup.steps["lm"])
    split = Split(
        test=(test["text"], test["category"]),
        per_class=sum(counts) if counts else None,
        validation_size=counts[1] / sum(counts) if counts else 0.2,
        near_copies="ignore",
    )
    return Study(
        train["text"], train["category"], modality="text", arms=list(setup.arms), add_real=False,
        samplers=samplers, n_seeds=1,
        model=None if classifier == "TF-IDF" else partial(WordBag, n_classes),
        split=split, training=Training(setup.steps["classifier"], device="cpu"),
        random_state=derive_seed(seed, "protocol") % 2**31,
    )  # fmt: skip


@lru_cache(maxsize=4)
def part(name: str, quick: bool) -> pd.DataFrame:
    """Return the rows of a part of banking77; in a quick run, those of a few intents."""
    path = data_root() / "banking77" / f"{name}.csv"
    if not path.is_file():
        raise InputError(
            f"{path} is missing: put banking77 there, from PolyAI-LDN/task-specific-datasets, or "
            "set GEN_AUGMENT_DATA to the folder that has it."
        )
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not quick:
        return frame
    few = frame[frame["category"].isin(sorted(frame["category"].unique())[:4])]
    return few.groupby("category").head(12).reset_index(drop=True)


PROTOCOL = protocol()
LANGUAGE = protocol(
    LanguageSampler(width=128, n_layers=2, dropout=0.2, device="cpu"), "text-lowdata-lm"
)
