"""Five sites that know two digits each train one classifier, and no row leaves its site.

Run: python examples/table_sites.py        (about five seconds)

Each site fits a sampler and exports it if an audit finds no copies. The pool of all samplers
generates rows of every class, on which any classifier can be trained, now or later.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from gen_augment import MixtureSampler, audit, export, load_sampler, pool

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

with TemporaryDirectory() as folder:
    paths = []
    for site in range(5):
        mine = np.isin(y_train, [2 * site, 2 * site + 1])
        X_site, X_kept, y_site, y_kept = train_test_split(
            X_train[mine], y_train[mine], test_size=0.3, stratify=y_train[mine], random_state=0
        )
        sampler = MixtureSampler(random_state=site).fit(X_site, y_site)
        judge, unseen = LogisticRegression(max_iter=500), (X_kept, y_kept)
        found = audit(sampler, X_site, y_site, holdout=unseen, model=judge)
        paths.append(Path(folder) / f"site{site}.safetensors")
        # The bound is wider than by default: with 80 unseen rows, chance alone gives 0.1.
        sheet = export(sampler, paths[-1], audit=found, max_advantage=0.3)
        print(f"site {site}: {len(X_site)} rows stay, {paths[-1].name} and {sheet.name} leave")
    sampler = pool([load_sampler(path) for path in paths], sites=[path.stem for path in paths])

X_new, y_new = sampler.sample(y=dict.fromkeys(range(10), 200), random_state=0)
origins = sampler.origins(np.arange(2000), np.repeat(np.arange(10), 200), seed=0)
print(f"classes {sampler.classes_.tolist()} of the sites {sorted(set(origins.tolist()))}")

model = RandomForestClassifier(random_state=0).fit(X_new, y_new)
print(f"accuracy on rows not seen: {model.score(X_test, y_test):.3f}")
