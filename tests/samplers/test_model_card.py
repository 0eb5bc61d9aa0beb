"""The card of a sampler that is shared."""

import re

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_wine
from sklearn.naive_bayes import GaussianNB

from gen_augment import BootstrapSampler, KDESampler, audit
from gen_augment.samplers.model_card import model_card

X, Y = load_wine(return_X_y=True)


def metadata(card: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(card.split("---\n")[1])
    return found


def test_the_metadata_is_yaml_that_the_hub_reads() -> None:
    sampler = KDESampler().fit(X, Y)
    assert "license" not in metadata(model_card(sampler))
    found = metadata(model_card(sampler, license="odd: [licence] # 1"))
    assert found["license"] == "odd: [licence] # 1"
    assert found["library_name"] == "gen_augment"


def test_classes_are_counted_and_labels_cannot_break_the_table() -> None:
    labels = np.array(["<b>a|b</b>", "two\nlines", "plain"])[Y]
    card = model_card(KDESampler().fit(X, labels))
    assert "| \\<b\\>a\\|b\\</b\\> | 59 |" in card
    assert "| two lines | 71 |" in card
    assert "| labelled training rows | 178 |" in card


def test_a_card_without_an_audit_says_so() -> None:
    assert "nothing is known about the quality" in model_card(KDESampler().fit(X, Y))


@pytest.mark.parametrize("unseen", [True, False])
def test_the_audit_is_on_the_card(unseen: bool) -> None:
    sampler = BootstrapSampler(random_state=0).fit(X[::2], Y[::2])
    holdout = (X[1::2], Y[1::2]) if unseen else None
    found = audit(sampler, X[::2], Y[::2], holdout=holdout, model=GaussianNB())
    card = model_card(sampler, audit=found)
    assert found.verdict in card
    assert "1. 100% of the rows are copies of training rows" in card
    value = re.search(r"\| Copies \| (\S+) \|", card)
    assert value
    assert float(value[1]) == found.figures["copies"][0]
    assert ("89 unseen real rows" in card) is unseen
