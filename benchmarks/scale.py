"""What large tables cost: fitting, sampling to files and banks, and over-sampling.

Tables have 20 mixed columns: numbers (some missing), whole numbers, booleans, dates,
and categories, one of them with 5,000 values. Fitting and sampling each run in their
own process. Memory is the peak of that process. A fit consists of the codec, whose time
grows with the rows, and of 500 training steps of a VAE, whose number does not grow. The
goal for sampling ten times as many rows is 8 to 12 times the time.

Folders of Parquet files have eight of the columns, and are read in parts, which stay on the disk.
The goal is that memory does not grow with the rows, and that time grows no faster than they do.

The last table compares `fit_resample` of `GenerativeOverSampler(SMOTESampler())` with
imbalanced-learn's SMOTE, in turn, on 20 columns of numbers. The goal is a ratio of 1.1.
All times are processor times on one thread, so that other processes hardly matter.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from imblearn.over_sampling import SMOTE
from matplotlib.figure import Figure

from benchmarks.harness import Measured, Record, markdown, measured_figure, paired_ratio
from gen_augment import (
    ConditionalVAE,
    GenerativeOverSampler,
    SampleBank,
    SMOTESampler,
    load_sampler,
)
from gen_augment.data.export import write_parts
from gen_augment.modalities import TableCodec
from gen_augment.samplers import sample_parts

__all__ = ["figures", "run", "table"]

PART_ROWS = 1 << 16  # as in the command line
#: Columns of the folders of Parquet files, and most rows of a file.
FOLDER_COLUMNS = ["number0", "number1", "gaps", "count0", "flag0", "day", "kind1", "kind3"]
FILE_ROWS = 250_000
#: Rows, and the share of the rare class.
IMBALANCED = ((5_000, 0.1), (30_000, 0.1), (100_000, 0.01))


def run(quick: bool) -> Record:
    """Measure two sizes of tables, three of folders, and three imbalanced tables."""
    torch.set_num_threads(1)
    sizes, steps, rounds = ((5_000,), 20, 1) if quick else ((100_000, 1_000_000), 500, 15)
    results: Record = {"tables": [], "smote": []}
    many = (5_000,) if quick else (1_000_000, 3_000_000, 10_000_000)
    with _children(quick) as pool, tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            model = str(Path(folder) / f"{n}.safetensors")
            results["tables"].append(pool.submit(_fit, n, steps, model).result())
            results["tables"].append(pool.submit(_sample, n, model).result())
        results["tables"] += folders(pool, many, steps)
    for n, share in IMBALANCED[:1] if quick else IMBALANCED:
        results["smote"].append({"rows": n, "rare": share} | _smote_ratio(n, share, rounds))
    return results


def folders(pool: Executor, sizes: tuple[int, ...], steps: int) -> list[Record]:
    """Measure fits from folders of Parquet files of so many rows, and banks of as many samples."""
    found = []
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            data, model = str(Path(folder) / "data"), str(Path(folder) / "model.safetensors")
            pool.submit(_write_folder, n, data).result()
            found.append(pool.submit(_fit_folder, n, steps, data, model).result())
            found.append(pool.submit(_build_bank, n, model, str(Path(folder) / "bank")).result())
    return found


def table(results: Record) -> str:
    """Return seconds and memory by size, their growth, and the paired ratios."""
    rows, smallest = [], dict[str, Record]()
    for found in results["tables"]:
        for what, seconds in found["seconds"].items():
            first = smallest.setdefault(what, found)
            times = f"{seconds / first['seconds'][what]:.1f}" if first is not found else ""
            memory = [f"{found[name]:,.0f}" for name in ("peak_mb", "imports_mb")]
            rows.append([what, f"{found['rows']:,}", f"{seconds:.1f}", times, *memory])
    header = [
        "measurement",
        "rows",
        "processor time, s",
        "relative to the smaller table",
        "peak memory, MB",
        "memory after imports, MB",
    ]
    measured = markdown(header, rows)
    ratios = [
        [f"{found['rows']:,}", f"{found['rare']:.0%}", f"{found['ratio']:.2f}",
         f"{found['ratio_min']:.2f} to {found['ratio_max']:.2f}",
         f"{found['ours_ms']:.0f}", f"{found['bare_ms']:.0f}"]
        for found in results["smote"]
    ]  # fmt: skip
    header = [
        "rows",
        "share of the rare class",
        "ratio",
        "range",
        "ours, processor ms",
        "imbalanced-learn, processor ms",
    ]
    return f"{measured}\n\n{markdown(header, ratios)}"


def figures(results: Record) -> dict[str, Figure]:
    """Draw the paired ratios."""
    found = {
        f"{one['rows']:,} rows": Measured(one["ratio"], one["ratio_min"], one["ratio_max"], 1.1)
        for one in results["smote"]
    }
    return {"ratios": measured_figure(found, "time relative to imbalanced-learn's SMOTE")}


def _children(quick: bool) -> Executor:
    """Return a pool that measures each task in a new process, so that its memory can be measured.

    Processes are spawned: a fork would start with the memory of this process. A quick run has
    one process for all tasks.
    """
    spawn = get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=None if quick else 1)


def _fit(n: int, steps: int, model: str) -> Record:
    torch.set_num_threads(1)
    imports = _peak()
    X, y = _mixed(n)
    started = time.process_time()
    TableCodec.fit(X)
    fitted = time.process_time()
    ConditionalVAE(max_steps=steps, random_state=0, device="cpu").fit(X, y).save(model)
    seconds = {
        "codec alone": fitted - started,
        f"VAE of {steps} steps": time.process_time() - fitted,
    }
    return {"rows": n, "seconds": seconds, "peak_mb": _peak(), "imports_mb": imports}


def _sample(n: int, model: str) -> Record:
    torch.set_num_threads(1)
    imports, sampler = _peak(), load_sampler(model, device="cpu")
    started = time.process_time()
    write_parts(
        Path(model).with_suffix(".parquet"),
        sample_parts(sampler, n, None, 0, PART_ROWS),
        sampler.codec_,
    )
    seconds = {"samples to Parquet": time.process_time() - started}
    return {"rows": n, "seconds": seconds, "peak_mb": _peak(), "imports_mb": imports}


def _write_folder(n: int, folder: str) -> Record:
    Path(folder).mkdir()
    for number, start in enumerate(range(0, n, FILE_ROWS)):
        X, y = _mixed(min(FILE_ROWS, n - start), number)
        path = Path(folder) / f"{number:03d}.parquet"
        X[FOLDER_COLUMNS].assign(label=y).to_parquet(path, index=False)
    return {}


def _fit_folder(n: int, steps: int, folder: str, model: str) -> Record:
    torch.set_num_threads(1)
    imports, started = _peak(), time.process_time()
    ConditionalVAE(max_steps=steps, random_state=0, device="cpu").fit(folder, "label").save(model)
    seconds = {f"VAE of {steps} steps from a folder": time.process_time() - started}
    return {"rows": n, "seconds": seconds, "peak_mb": _peak(), "imports_mb": imports}


def _build_bank(n: int, model: str, path: str) -> Record:
    torch.set_num_threads(1)
    imports, sampler = _peak(), load_sampler(model, device="cpu")
    started = time.process_time()
    SampleBank.build(sampler, {"no": n - n // 5, "yes": n // 5}, path)
    seconds = {"bank": time.process_time() - started}
    return {"rows": n, "seconds": seconds, "peak_mb": _peak(), "imports_mb": imports}


def _peak() -> float:
    """Return the peak resident memory so far, in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform == "darwin" else 1
    )
    return kilobytes / 1024


def _mixed(n: int, seed: int = 0) -> tuple[pd.DataFrame, "pd.Series[Any]"]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    columns: dict[str, Any] = {f"number{i}": rng.normal(size=n) + y for i in range(9)}
    columns["gaps"] = np.where(rng.random(n) < 0.1, np.nan, rng.exponential(size=n))
    columns |= {f"count{i}": rng.poisson(5 + 5 * i, n) for i in range(3)}
    columns |= {f"flag{i}": rng.random(n) < 0.3 + 0.1 * i for i in range(2)}
    columns["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    for i, n_values in enumerate((3, 20, 60, 5_000)):
        dtype = pd.CategoricalDtype([f"value {number}" for number in range(n_values)])
        columns[f"kind{i}"] = pd.Categorical.from_codes(rng.integers(0, n_values, n), dtype=dtype)
    return pd.DataFrame(columns), pd.Series(np.array(["no", "yes"])[y])


def _smote_ratio(n: int, share: float, rounds: int) -> Record:
    rng = np.random.default_rng(0)
    y = (rng.random(n) < share).astype(int)
    X = rng.normal(size=(n, 20)) + y[:, None]

    def seconds(over: Any) -> Callable[[], float]:
        def measure() -> float:
            started = time.process_time()
            over.fit_resample(X, y)
            return time.process_time() - started

        return measure

    ours = GenerativeOverSampler(SMOTESampler(), random_state=0)
    return paired_ratio(seconds(ours), seconds(SMOTE(random_state=0)), rounds)
