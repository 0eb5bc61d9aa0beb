"""Figures of texts: copied spans, variety, length, vocabulary, and secrets.

References
----------
Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016
(arXiv:1510.03055): distinct-n. Zhu et al., "Texygen", 2018 (arXiv:1802.01886): self-BLEU.
Carlini et al., "The Secret Sharer", 2019 (arXiv:1802.08232): secrets in training rows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import wasserstein_distance

from gen_augment.modalities.text.kneser_ney import perplexity
from gen_augment.modalities.text.secrets import known_secrets
from gen_augment.modalities.text.spans import SharedSpans
from gen_augment.modalities.text.words import tokens
from gen_augment.modalities.views import Figure

__all__ = ["FIGURES", "distinct", "measure", "self_bleu", "vocabulary_shift"]

_REAL, _VARIED = "Do the rows look real?", "Are the rows varied?"
_COPIES, _AS_REAL = "Do the rows reveal training rows?", "as real rows"
#: Words of a span that counts as copied.
SPAN = 8
#: Texts that self-BLEU compares, at most.
_COMPARED = 200

FIGURES = {
    "length_shift": Figure(
        _REAL,
        "Shift in length",
        "Distance between the distributions of words per row (Wasserstein), relative to the mean.",
        "0",
    ),
    "vocabulary_shift": Figure(
        _REAL,
        "Shift in vocabulary",
        "Distance between the frequencies of words (Jensen-Shannon divergence): 0 is equal, 1 is "
        "no word in common.",
        _AS_REAL,
    ),
    "new_words": Figure(
        _REAL, "New words", "Share of the words that no training row has.", _AS_REAL
    ),
    "perplexity": Figure(
        _REAL,
        "Perplexity",
        "Of a word under a trigram model of unseen rows, which never saw what was trained on.",
        _AS_REAL,
    ),
    "distinct_1": Figure(
        _VARIED, "Distinct words", "Share of 2,000 words that are not repeats.", _AS_REAL
    ),
    "distinct_2": Figure(
        _VARIED, "Distinct pairs", "Share of 2,000 word pairs that are not repeats.", _AS_REAL
    ),
    "self_bleu": Figure(
        _VARIED,
        "Self-BLEU",
        "Similarity of each row to the others by spans of up to 4 words. Smaller is more varied.",
        _AS_REAL,
    ),
    "copied_8grams": Figure(
        _COPIES,
        "Copied spans",
        "Share of the spans of 8 words that a training row has.",
        _AS_REAL,
    ),
    "longest_copy": Figure(
        _COPIES,
        "Longest copied span",
        "The longest span that a training row has, as a share of the row's words; mean.",
        _AS_REAL,
    ),
    "copied_secrets": Figure(
        _COPIES,
        "Copied secrets",
        "Share of the rows with an e-mail address, link, number or key of a training row.",
        "0",
    ),
}


def measure(
    train: Sequence[str], texts: Sequence[str], unseen: Sequence[str] = ()
) -> dict[str, tuple[float, float]]:
    """Compute all `FIGURES` of texts, and their references.

    Parameters
    ----------
    train, texts : sequence of str
        Training rows, and synthetic rows.
    unseen : sequence of str
        Real rows that were not trained on.

    Returns
    -------
    dict of str to (float, float)
        Figures of `texts` and of `unseen`; NaN where there are too few words. Perplexities are
        those of `texts` and of `train`, under a model of `unseen`.
    """
    known, made, others = ([tokens(text) for text in part] for part in (train, texts, unseen))
    vocabulary = {word for row in known for word in row}
    spans, secrets = SharedSpans(known), known_secrets(train)

    def figures(rows: Sequence[Sequence[str]], part: Sequence[str]) -> dict[str, float]:
        lengths = [[len(row) for row in some] for some in (known, rows)]
        mean = max(float(np.mean(lengths[0])), 1e-12)
        return {
            "length_shift": wasserstein_distance(*lengths) / mean,
            "vocabulary_shift": vocabulary_shift(known, rows),
            "new_words": _share(word not in vocabulary for row in rows for word in row),
            "distinct_1": distinct(rows, 1),
            "distinct_2": distinct(rows, 2),
            "self_bleu": self_bleu(rows),
            "copied_8grams": spans.copied(rows, SPAN),
            "longest_copy": float(spans.shares(rows).mean()),
            "copied_secrets": _share(bool(known_secrets([text]) & secrets) for text in part),
        }

    found = figures(made, texts)
    reference = figures(others, unseen) if others else dict.fromkeys(found, float("nan"))
    pairs = {name: (value, reference[name]) for name, value in found.items()}
    return pairs | {"perplexity": (perplexity(others, made), perplexity(others, known))}


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return float(np.mean(known)) if known else float("nan")


def distinct(rows: Sequence[Sequence[str]], n: int, most: int = 2000) -> float:
    """Return the share of spans of `n` words that are not repeats, among at most `most` of them.

    The share falls with the number of spans, so that sets are compared at equal numbers. Rows are
    taken in a random order, which is always the same.

    Examples
    --------
    >>> distinct([["a", "b"], ["a", "c"]], 1)
    0.75
    """
    order = np.random.default_rng(0).permutation(len(rows))
    spans = [span for i in order for span in _spans(rows[i], n)][:most]
    return len(set(spans)) / len(spans) if spans else float("nan")


def vocabulary_shift(a: Sequence[Sequence[str]], b: Sequence[Sequence[str]]) -> float:
    """Return the Jensen-Shannon divergence of the word frequencies, in [0, 1].

    Examples
    --------
    >>> vocabulary_shift([["a", "b"]], [["a", "b"]]), vocabulary_shift([["a"]], [["b"]])
    (0.0, 1.0)
    """
    counts = [Counter(word for row in rows for word in row) for rows in (a, b)]
    if not all(counts):
        return float("nan")
    words = list(counts[0] | counts[1])
    p, q = (np.array([count[word] for word in words]) / count.total() for count in counts)
    m = (p + q) / 2

    def divergence(x: np.ndarray) -> float:
        here = x > 0
        return float((x[here] * np.log2(x[here] / m[here])).sum())

    return (divergence(p) + divergence(q)) / 2


def self_bleu(rows: Sequence[Sequence[str]], order: int = 4) -> float:
    """Return the mean BLEU of up to 200 rows, evenly spaced, against each other, in [0, 1].

    Spans of one word and more are compared up to `order` words, or up to the length of the row.
    A span without a match counts as half a match.

    Examples
    --------
    >>> self_bleu([["a", "b", "c", "d"]] * 3), self_bleu([["a", "b"], ["c", "d"]]) < 0.5
    (1.0, True)
    """
    rows = [row for row in rows if row]
    index = np.linspace(0, len(rows) - 1, min(_COMPARED, len(rows))).astype(int)
    chosen = [rows[i] for i in np.unique(index)] if rows else []
    if len(chosen) < 2:
        return float("nan")
    logs = np.zeros(len(chosen))
    for n in range(1, order + 1):
        logs += _log_precisions([Counter(_spans(row, n)) for row in chosen])
    depth = np.array([min(order, len(row)) for row in chosen])
    lengths = np.array([len(row) for row in chosen])
    penalty = [_brevity(i, lengths) for i in range(len(chosen))]
    return float(np.mean(np.exp(logs / depth) * penalty))


def _log_precisions(counts: list[Counter[tuple[str, ...]]]) -> np.ndarray:
    """Return the log of each row's clipped precision against all others; 0 without spans."""
    best: dict[tuple[str, ...], list[int]] = {}
    for count in counts:
        for span, n in count.items():
            best[span] = sorted([*best.get(span, [0, 0]), n])[-2:]
    out = np.zeros(len(counts))
    for i, count in enumerate(counts):
        if not count:
            continue
        # The largest count of another row: the second largest where this row's is the largest.
        others = {
            span: best[span][0] if best[span][1] == n else best[span][1]
            for span, n in count.items()
        }
        matched = sum(min(n, others[span]) for span, n in count.items())
        out[i] = np.log(max(matched, 0.5) / count.total())
    return out


def _brevity(i: int, lengths: np.ndarray) -> float:
    """Return BLEU's penalty of a row that is shorter than the row nearest to it in length."""
    others = np.delete(lengths, i)
    nearest = others[np.abs(others - lengths[i]).argmin()]
    return float(min(1.0, np.exp(1 - nearest / lengths[i])))


def _spans(row: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(row[i : i + n]) for i in range(len(row) - n + 1)]
