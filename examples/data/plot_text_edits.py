"""
Texts: edits, punctuation and word chains
=========================================

Three samplers make texts without a network. A study then asks whether they help a classifier.
"""

# %%
# Requests to a bank
# ------------------
# They are written by a small grammar, and the intents share most of their words.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gen_augment import AEDASampler, EditSampler, NGramSampler, Study
from gen_augment.study import Split

ASKS = {
    "card": ["where is", "i still wait for", "please track", "did you send"],
    "cash": ["i could not take out", "why a fee for", "the machine kept", "who took out"],
    "transfer": ["when arrives", "please cancel", "i still wait for", "why a fee for"],
}
THINGS = {
    "card": ["my card", "the new card", "it"],
    "cash": ["cash", "my money", "it"],
    "transfer": ["my transfer", "the payment", "my money", "it"],
}
STARTS = ["hello", "hi there", "sorry", "excuse me", "good morning", "again", "please help"]
ENDS = ["today", "in town", "from monday", "at last", "it is urgent", "for my shop", "thanks"]
rng = np.random.default_rng(0)
y = pd.Series(rng.choice(list(ASKS), 150), name="intent")
X = pd.Series(
    [" ".join(map(rng.choice, (STARTS, ASKS[i], THINGS[i], ENDS))) for i in y], name="text"
)

# %%
# What each sampler writes
# ------------------------
# Samples of a Series are a Series; a list gives a list.

samplers = {"eda": EditSampler(), "aeda": AEDASampler(), "ngram": NGramSampler()}
for name, sampler in samplers.items():
    X_new, y_new = sampler.set_params(random_state=0).fit(X, y).sample(y={"card": 2, "cash": 1})
    for text, label in zip(X_new, y_new, strict=True):
        print(f"{name:>6} | {label:>5} | {text}")

# %%
# Do they help?
# -------------
# Each arm adds one synthetic text for each real one. ``agreement`` keeps only texts whose label a
# classifier of real texts confirms. The pipeline gets the strings.

study = Study(
    X,
    y,
    modality="text",
    model=make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
    arms=["real", "eda:1", "aeda:1", "ngram:1", "ngram:1:agreement"],
    samplers=samplers,
    n_seeds=5,
    split=Split(per_class=12, drop_duplicates=True),
)
result = study.run()

# %%
# Each arm against real texts alone
# ---------------------------------
# Bars are 95% intervals over paired seeds. An interval that crosses zero shows no difference.

arms = result.table().dropna(subset="difference")[::-1]
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
ends = [arms["difference"] - arms["low"], arms["high"] - arms["difference"]]
axes.errorbar(arms["difference"], arms.index, xerr=ends, fmt="D", capsize=4)
axes.axvline(0, color="0.5")
axes.set(xlabel="difference in balanced accuracy", ylim=(-0.5, len(arms) - 0.5))

# %%
# The verdict
# -----------

print(result.verdict())
