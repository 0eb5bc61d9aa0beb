"""
Rows stay, samplers travel
==========================

Five sites know two digits each, and may not share their rows. Each site sends a sampler instead.
Their pool generates rows of every class, on which any classifier can be trained, now or later.
"""

# %%
# The sites
# ---------

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from gen_augment import MixtureSampler, audit, export, load_sampler, pool

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
folder = TemporaryDirectory()
paths = [Path(folder.name) / f"site{site}.safetensors" for site in range(5)]

# %%
# What leaves a site
# ------------------
# A sampler is exported if an audit finds no copies of training rows, and an attack cannot tell
# which rows were trained on. With 80 unseen rows, chance alone gives an advantage of 0.1, so the
# bound is wider than by default.

for site, path in enumerate(paths):
    mine = np.isin(y_train, [2 * site, 2 * site + 1])
    X_site, X_kept, y_site, y_kept = train_test_split(
        X_train[mine], y_train[mine], test_size=0.3, stratify=y_train[mine], random_state=0
    )
    sampler = MixtureSampler(random_state=site).fit(X_site, y_site)
    judge, unseen = LogisticRegression(max_iter=500), (X_kept, y_kept)
    found = audit(sampler, X_site, y_site, holdout=unseen, model=judge)
    sheet = export(sampler, path, audit=found, max_advantage=0.3)
    print(f"{path.stem}: {len(X_site)} rows stay, {path.name} and {sheet.name} leave")

# %%
# The pool
# --------
# The pool is a sampler of all classes. It knows the site of each of its rows.

sampler = pool([load_sampler(path) for path in paths], sites=[path.stem for path in paths])
X_new, y_new = sampler.sample(y=dict.fromkeys(range(10), 200), random_state=0)
origins = sampler.origins(np.arange(2000), np.repeat(np.arange(10), 200), seed=0)

figure, axes = plt.subplots(2, 10, figsize=(8, 2.2))
for digit in range(10):
    for axis, row in zip(axes[:, digit], X_new[y_new == digit], strict=False):
        axis.imshow(row.reshape(8, 8), cmap="gray_r")
        axis.set_xticks([])
        axis.set_yticks([])
    axes[1, digit].set_xlabel(origins[200 * digit])
figure.tight_layout()

# %%
# One classifier of all digits
# ----------------------------
# No site could have trained it: each knows two digits.

model = RandomForestClassifier(random_state=0).fit(X_new, y_new)
folder.cleanup()
print(f"accuracy on rows not seen: {model.score(X_test, y_test):.3f}")
