"""Rows of dpmm's MST, another public implementation of the method behind `MarginalSampler`.

dpmm needs older libraries than we do, so it runs in an environment of its own:
``python -m venv other; other/bin/pip install dpmm``, then set ``DPMM_PYTHON=other/bin/python``.
"""

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

__all__ = ["available", "mst_rows"]

#: Share of the budget that pays for the bins of numbers; dpmm's default.
BINS = 0.1
CODE = """
import json, sys
import pandas as pd
from dpmm.pipelines import MSTPipeline

folder, epsilon, delta, bins, seed = sys.argv[1], *map(float, sys.argv[2:])
domain = json.load(open(folder + "/domain.json"))
rows = pd.read_csv(folder + "/rows.csv")
for name, known in domain.items():
    if "categories" in known:
        rows[name] = rows[name].astype(str).astype(pd.CategoricalDtype(known["categories"]))
model = MSTPipeline(epsilon=epsilon - bins, delta=delta, proc_epsilon=bins, n_jobs=1)
model.fit(rows, domain=domain, random_state=int(seed))
model.generate(n_records=len(rows), random_state=int(seed)).to_csv(folder + "/new.csv", index=False)
"""


def available() -> bool:
    """Return whether there is an environment with dpmm."""
    return bool(os.environ.get("DPMM_PYTHON"))


def mst_rows(
    rows: pd.DataFrame, bounds: dict[Any, Any], epsilon: float, delta: float, seed: int
) -> pd.DataFrame:
    """Return as many synthetic rows as there are rows, in their dtypes.

    Parameters
    ----------
    rows : DataFrame
        With the label as a column.
    bounds : dict
        Lowest and highest value (tuple), or categories (list), of each column.
    epsilon, delta : float
        The budget of all, bins of numbers included.
    seed : int
    """
    domain = {
        name: {"lower": known[0], "upper": known[1]}
        if isinstance(known, tuple)
        else {"categories": list(map(str, known))}
        for name, known in bounds.items()
    }
    with TemporaryDirectory() as folder:
        rows.to_csv(f"{folder}/rows.csv", index=False)
        Path(folder, "domain.json").write_text(json.dumps(domain))
        how = [folder, *map(str, (epsilon, delta, BINS, seed))]
        subprocess.run([os.environ["DPMM_PYTHON"], "-c", CODE, *how], check=True)
        return pd.read_csv(f"{folder}/new.csv").astype(rows.dtypes)
