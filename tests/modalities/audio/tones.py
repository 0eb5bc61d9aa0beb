"""Recordings of known frequency."""

import numpy as np

RATE = 8000
HERTZ = {"high": 1500.0, "low": 500.0}


def tone(hertz: float, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wave = np.sin(2 * np.pi * hertz * np.arange(n) / RATE + rng.uniform(0, 6))
    return (9000 * wave + rng.normal(0, 20, n)).astype(np.int16)


def recordings(n: int, longest: int = 2400) -> tuple[list[np.ndarray], list[str]]:
    labels = [["low", "high"][i % 2] for i in range(n)]
    rng = np.random.default_rng(1)
    waves = [tone(HERTZ[y], int(rng.integers(1200, longest)), i) for i, y in enumerate(labels)]
    return waves, labels


def main_frequency(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(np.asarray(wave, dtype=np.float64)))
    return float(np.argmax(spectrum) * RATE / len(wave))
