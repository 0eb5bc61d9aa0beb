"""Texts in scikit-learn: rows of strings, edited versions of them, and whether they help.

Run: python examples/text_sklearn.py        (under a minute)
"""

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gen_augment import AEDASampler, EditSampler, NGramSampler, Study
from gen_augment.study import Split

# Requests to a bank, written by a small grammar; intents share most of their words.
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

# Samples of a Series are a Series; a list gives a list.
sampler = EditSampler(random_state=0).fit(X, y)
X_new, y_new = sampler.sample(y={"card": 2, "cash": 1})
print(pd.DataFrame({"text": X_new, "intent": y_new}).to_string(index=False))

study = Study(
    X,
    y,
    modality="text",
    model=make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),  # gets the strings
    arms=["real", "eda:1", "aeda:1", "ngram:1", "ngram:1:agreement"],
    samplers={"eda": EditSampler(), "aeda": AEDASampler(), "ngram": NGramSampler()},
    n_seeds=5,
    split=Split(per_class=12, drop_duplicates=True),
)
result = study.run()
columns = ["balanced_accuracy", "difference", "low", "high"]
print(result.table()[columns].round(3).to_string())
print(result.verdict())
