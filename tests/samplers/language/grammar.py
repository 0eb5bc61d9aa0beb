"""A grammar whose texts have known probabilities, given the class."""

from itertools import product

import numpy as np

#: Probabilities of the subject, the verb and the place, by class.
RULES = {
    "calm": [
        {"the cat": 0.6, "a dog": 0.3, "one bird": 0.1},
        {" sleeps": 0.7, " eats": 0.3},
        {"": 0.5, " at home": 0.5},
    ],
    "wild": [
        {"the cat": 0.2, "a dog": 0.2, "one bird": 0.6},
        {" runs": 0.8, " eats": 0.2},
        {"": 0.9, " at home": 0.1},
    ],
}


def probabilities(label: str) -> dict[str, float]:
    """Probability of every text of a class."""
    parts = product(*(rule.items() for rule in RULES[label]))
    return {
        "".join(word for word, _ in part): float(np.prod([p for _, p in part])) for part in parts
    }


def draw(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts and labels, half of each class."""
    rng = np.random.default_rng(seed)
    labels = [("calm", "wild")[i % 2] for i in range(n)]
    known = {label: probabilities(label) for label in RULES}
    texts = [str(rng.choice(list(known[y]), p=list(known[y].values()))) for y in labels]
    return texts, labels


def bits_per_byte() -> float:
    """Entropy of a text in bits, by its mean number of bytes, for equally frequent classes."""
    both = [(text, p) for label in RULES for text, p in probabilities(label).items()]
    entropy = -sum(p * np.log2(p) for _, p in both)
    return float(entropy / sum(p * len(text.encode()) for text, p in both))
