"""A language model from scratch: new customer questions, and how far they can be trusted.

Run: python examples/text_language.py        (about half a minute)
"""

from itertools import product

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gen_augment import LanguageSampler

# Three intents, each with its own words. Use your own texts and labels here.
OPENINGS = ["please tell me", "i want to know", "can you say", "hello,", "i wonder"]
QUESTIONS = {
    "card": ["where my card is", "why my card was refused", "how to block my lost card"],
    "rate": ["what the exchange rate is", "why the rate changed", "if the rate is final"],
    "transfer": ["why my transfer failed", "how long a transfer takes", "if my transfer arrived"],
}
ENDINGS = ["", " today", " now", ", thanks", " in france", " since monday"]

rows = [
    (f"{opening} {question}{ending}", label)
    for label, questions in QUESTIONS.items()
    for opening, question, ending in product(OPENINGS, questions, ENDINGS)
]
order = np.random.default_rng(0).permutation(len(rows))
texts = [rows[i][0] for i in order]
labels = [rows[i][1] for i in order]
train = slice(0, 200)

# Small sizes for small data. Training ends when held-out texts are no better predicted.
sampler = LanguageSampler(
    width=64, n_layers=2, vocab_size=400, max_steps=400, lr=3e-3, random_state=0
).fit(texts[train], labels[train])
print(f"held-out bits per byte: {min(sampler.history_['bits_per_byte']):.2f}")

new, y = sampler.sample(y=dict.fromkeys(QUESTIONS, 100), random_state=0)
for text, label in list(zip(new, y, strict=True))[::60]:
    print(f"{label:>9}: {text}")

# New versions of given texts keep their beginning.
for text in sampler.vary(texts[:3], labels[:3], strength=0.4, random_state=0):
    print(f"   varied: {text}")

# Does a classifier of real texts agree with the labels? How many texts are copies? (These
# rules allow 270 texts, and 200 of them are training rows: many copies are no surprise here.)
classifier = make_pipeline(TfidfVectorizer(), LogisticRegression())
classifier.fit(texts[train], labels[train])
print(f"named by their label: {np.mean(classifier.predict(new) == y):.0%}")
print(f"copies of a training row: {np.mean(np.isin(new, texts[train])):.0%}")

# What the samples taught a classifier that saw no real text:
alone = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(new, y)
print(f"accuracy on rows not seen: {alone.score(texts[200:], labels[200:]):.3f}")
