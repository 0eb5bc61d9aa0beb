"""Recordings: fit a sampler on tones, then measure what its rows are worth to a classifier.

Run: python examples/audio_tones.py        (about half a minute)
"""

import numpy as np

from gen_augment import ConditionalVAE
from gen_augment.metrics import utility
from gen_augment.modalities import Audio

RATE = 8000
PITCH = {"high": 1500, "low": 500, "middle": 900}


def record(n: int, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """Make noisy tones of different pitch and length, as 16-bit samples."""
    rng = np.random.default_rng(seed)
    labels = [list(PITCH)[i % 3] for i in range(n)]
    tones = []
    for label in labels:
        times = np.arange(rng.integers(1200, 2400)) / RATE
        hertz = PITCH[label] * rng.uniform(0.9, 1.1)
        wave = np.sin(2 * np.pi * hertz * times) * np.exp(-times * rng.uniform(5, 15))
        tones.append((9000 * wave + rng.normal(0, 300, len(times))).astype(np.int16))
    return tones, labels


# 1. Fit a sampler. Arrays do not hold the sampling rate, so say it.
audio = Audio(sample_rate=RATE, n_mels=32, n_frames=32)
train, test = record(90, seed=0), record(90, seed=1)
sampler = ConditionalVAE(modality=audio, max_steps=150, width=16, random_state=0).fit(*train)

# 2. Samples are recordings again. `gen-augment sample` writes them as wav files.
made = sampler.sample(y=dict.fromkeys(PITCH, 30), random_state=0)
print(f"lengths in samples: {[len(wave) for wave in made[0][:5]]}, {made[0][0].dtype}")

# 3. Train a classifier on synthetic recordings alone, and test it on real ones.
found = utility(train, made, test, modality=audio, n_steps=100)
print(f"trained on real recordings: {found.real_on_real:.3f}")
print(f"accuracy on rows not seen: {found.synthetic_on_real:.3f}")
