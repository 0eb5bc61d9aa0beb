"""
Texts: a small language model
=============================

`gen_augment.LanguageSampler` learns the texts of each class, and writes new ones word by word.
Trust its labels no further than you have checked them.
"""

# %%
# Three kinds of questions
# ------------------------
# They follow a few rules, so that a small model learns them in seconds.

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gen_augment import LanguageSampler

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

# %%
# Fit
# ---
# The model is small because the data is small. Training ends when held-out texts are no better
# predicted.

sampler = LanguageSampler(
    width=64, n_layers=2, vocab_size=400, max_steps=400, lr=3e-3, random_state=0
).fit(texts[train], labels[train])

figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
axes.plot(sampler.history_["bits_per_byte"], marker="o")
axes.set(xlabel="evaluation", ylabel="bits per byte, held out")

# %%
# Write new texts
# ---------------

new, y = sampler.sample(y=dict.fromkeys(QUESTIONS, 100), random_state=0)
for text, label in list(zip(new, y, strict=True))[::50]:
    print(f"{label:>8}: {text}")

# %%
# New versions of given texts keep their beginning.

for text, version in zip(texts[:3], sampler.vary(texts[:3], labels[:3], strength=0.4), strict=True):
    print(f"{text}  ->  {version}")

# %%
# Check them
# ----------
# Does a classifier of real texts agree with the labels? How many texts are copies? The rules allow
# 270 texts, and 200 of them are training rows, so many copies are no surprise here.

real = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts[train], labels[train])
alone = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(new, y)
checks = {
    "labels confirmed": np.mean(real.predict(new) == y),
    "copies of training texts": np.mean(np.isin(new, texts[train])),
    "new real texts recognised\nafter samples alone": alone.score(texts[200:], labels[200:]),
}
figure, axes = plt.subplots(figsize=(6, 2.2), layout="constrained")
bars = axes.barh(list(checks), list(checks.values()), color=["C0", "C1", "C0"])
axes.bar_label(bars, fmt="{:.0%}", padding=3)
axes.set(xlim=(0, 1.15), xticks=[])
print(f"accuracy on rows not seen: {alone.score(texts[200:], labels[200:]):.3f}")
