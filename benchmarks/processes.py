"""Known processes: means, autocorrelations, spectra and phases of sampled series, and speed.

Two classes of AR(2) processes, whose autocorrelations follow from the Yule-Walker equations, and
two of sinusoids with a mean, a frequency and a uniform phase, in noise of 10%; 300 training rows of
48 steps each, and 1,000 samples of each class. Goals: autocorrelations at lags 1 to 4 within 0.1,
variance within 20%, the mean within 0.1 deviations, 80% of the power at the true frequency, and
phases whose mean resultant is below 0.15 (0 is uniform). Speed is that of 10,000 series of 150
steps, in processor seconds of one thread; the goal is 15 s on two cores.
"""

import time
from functools import partial

import numpy as np

from benchmarks.harness import Record, Trials, markdown
from gen_augment.samplers import SAMPLERS

__all__ = ["autocorrelations", "autoregressive", "run", "sinusoids", "table"]

N, LENGTH, N_SAMPLES = 300, 48, 1000
#: Coefficients of autoregressive processes, and frequencies of sinusoids in cycles a series.
AR = {0: (1.2, -0.6), 1: (-0.5, 0.2)}
CYCLES = {0: 4, 1: 9}
NOISE, LAGS = 0.1, 4
DEEP = ("flow", "vae", "gan")
GOALS = {
    "autocorrelation": "at most 0.1",
    "variance": "at most 0.2",
    "mean": "at most 0.1",
    "power": "at least 0.8",
    "phase": "at most 0.15",
    "seconds": "at most 30",
}


def run(quick: bool) -> Record:
    """Each sampler on both kinds of processes, and its speed."""
    trials = Trials("processes", quick)
    n_steps = 5 if quick else 1500
    for name in DEEP:
        for what, measure in (("AR(2)", _measure_ar), ("sinusoids", _measure_sinusoids)):
            trials.add({"sampler": name, "what": what}, partial(measure, name, n_steps))
        speed = partial(_measure_speed, name, 100 if quick else 10_000)
        trials.add({"sampler": name, "what": "speed"}, speed)
    return {"trials": trials.done}


def table(results: Record) -> str:
    """The worse class of each."""
    found: dict[str, Record] = {}
    for trial in results["trials"]:
        found.setdefault(trial["sampler"], {}).update(
            {
                f"{trial['what']} {key}": value
                for key, value in trial.items()
                if isinstance(value, float)
            }
        )
    names = list(dict.fromkeys(name for one in found.values() for name in one))
    rows = [
        [name, GOALS[name.split()[-1]], *(f"{one.get(name, np.nan):.3f}" for one in found.values())]
        for name in names
    ]
    return markdown(["figure", "goal", *found], rows)


def autoregressive(rng: np.random.Generator, a: float, b: float) -> np.ndarray:
    """AR(2) series of unit noise, after 100 steps."""
    x = np.zeros((N, LENGTH + 100))
    noise = rng.normal(size=x.shape)
    for t in range(2, x.shape[1]):
        x[:, t] = a * x[:, t - 1] + b * x[:, t - 2] + noise[:, t]
    return x[:, 100:]


def autocorrelations(a: float, b: float, n: int) -> np.ndarray:
    """Closed form of an AR(2) process at lags 1 to `n`, by the Yule-Walker equations."""
    rho = [1, a / (1 - b)]
    while len(rho) <= n:
        rho.append(a * rho[-1] + b * rho[-2])
    return np.array(rho[1 : n + 1])


def sinusoids(rng: np.random.Generator, cycles: int) -> np.ndarray:
    """Sinusoids of amplitude 1 around the mean `cycles`."""
    phase = rng.uniform(0, 2 * np.pi, (N, 1))
    wave = np.sin(2 * np.pi * cycles * np.arange(LENGTH) / LENGTH + phase)
    return cycles + wave + NOISE * rng.normal(size=wave.shape)


def _samples(name: str, n_steps: int, rows: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    sampler = SAMPLERS[name](max_steps=n_steps, modality="series", random_state=0, device="cpu")
    sampler.fit(np.concatenate(list(rows.values())), np.repeat(list(rows), N))
    X, y = sampler.sample(y=dict.fromkeys(rows, N_SAMPLES))
    return {code: X[y == code] for code in rows}


def _measure_ar(name: str, n_steps: int) -> Record:
    rng = np.random.default_rng(0)
    made = _samples(name, n_steps, {code: autoregressive(rng, *ab) for code, ab in AR.items()})
    worst = dict.fromkeys(("autocorrelation", "variance", "mean"), 0.0)
    for code, (a, b) in AR.items():
        x, rho = made[code], autocorrelations(a, b, LAGS)
        variance = 1 / (1 - a * rho[0] - b * rho[1])
        measured = [(x[:, :-k] * x[:, k:]).mean() / (x * x).mean() for k in range(1, LAGS + 1)]
        errors = {
            "autocorrelation": np.abs(measured - rho).max(),
            "variance": abs(x.var() / variance - 1),
            "mean": abs(x.mean()) / np.sqrt(variance),
        }
        worst = {key: max(worst[key], float(error)) for key, error in errors.items()}
    return _rounded(worst)


def _measure_sinusoids(name: str, n_steps: int) -> Record:
    rng = np.random.default_rng(0)
    made = _samples(name, n_steps, {code: sinusoids(rng, k) for code, k in CYCLES.items()})
    power, phase, mean = [], [], []
    for code, cycles in CYCLES.items():
        spectrum = np.fft.rfft(made[code], axis=1)
        shares = np.abs(spectrum[:, 1:]) ** 2
        power.append(float(np.median(shares[:, cycles - 1] / shares.sum(axis=1))))
        phase.append(float(abs(np.exp(1j * np.angle(spectrum[:, cycles])).mean())))
        mean.append(float(abs(made[code].mean() - cycles) / np.sqrt(0.5 + NOISE**2)))
    return _rounded({"power": min(power), "phase": max(phase), "mean": max(mean)})


def _measure_speed(name: str, n: int) -> Record:
    X = np.random.default_rng(0).normal(size=(200, 150)).cumsum(axis=1)
    sampler = SAMPLERS[name](max_steps=10, modality="series", random_state=0, device="cpu")
    sampler.fit(X, np.arange(len(X)) % 2).sample(10)
    start = time.process_time()
    sampler.sample(n)
    return _rounded({"seconds": time.process_time() - start})


def _rounded(values: dict[str, float]) -> Record:
    return {name: round(value, 4) for name, value in values.items()}
