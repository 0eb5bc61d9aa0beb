"""The glossary of a report."""

import pytest

from gen_augment.study.arms import BALANCES, FILTERS
from gen_augment.study.metrics import METRICS
from gen_augment.study.report.glossary import GLOSSARY, words_used


@pytest.mark.parametrize(
    "text, words",
    [
        ("vae:share=0.25+randaugment", ["randaugment", "share"]),
        ("shifted", []),
        ("weights_and_more", ["weights"]),
        ("balanced accuracy", ["balanced accuracy"]),
        ("", []),
    ],
)
def test_only_whole_words_count(text: str, words: list[str]) -> None:
    assert list(words_used([text])) == words


def test_balances_filters_and_most_metrics_are_explained() -> None:
    assert set(BALANCES) <= set(GLOSSARY)
    assert {"agreement", "realism", "novelty"} <= set(FILTERS) & set(GLOSSARY)
    unexplained = {metric.label for metric in METRICS.values()} - set(GLOSSARY)
    assert unexplained <= {"accuracy", "geometric mean of recalls"}
    assert all(meaning.endswith(".") for meaning in GLOSSARY.values())
