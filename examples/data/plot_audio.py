"""
Audio: new recordings from old ones
===================================

A generator of audio learns spectrograms, which are pictures of loudness by pitch and time. Samples
are recordings again, with the length and the type of number of your own.
"""

# %%
# Bird calls of a made-up kind
# ----------------------------
# One call rises and the other falls. Each recording takes about half a second.

import matplotlib.pyplot as plt
import numpy as np

from gen_augment import ConditionalVAE
from gen_augment.modalities import Audio

rate = 8000
rng = np.random.default_rng(0)


def call(label):
    """Return one recording as 16-bit numbers."""
    n = int(rng.integers(3600, 4400))
    low, high = rng.uniform(500, 800), rng.uniform(1800, 2400)
    pitch = np.linspace(low, high, n) if label == "rising" else np.linspace(high, low, n)
    loudness = np.sin(np.pi * np.arange(n) / n) * rng.uniform(0.5, 1)
    sound = loudness * np.sin(2 * np.pi * np.cumsum(pitch) / rate) + 0.01 * rng.normal(size=n)
    return (12000 * sound).astype(np.int16)


y = ["rising", "falling"] * 30
X = [call(label) for label in y]

# %%
# Fit and sample
# --------------
# Say the sampling rate, which an array does not hold.

audio = Audio(sample_rate=rate, n_mels=32, n_frames=32)
sampler = ConditionalVAE(modality=audio, max_steps=300, width=16, random_state=0).fit(X, y)
X_new, y_new = sampler.sample(y={"rising": 20, "falling": 20})
print("type of number:", X_new[0].dtype, "lengths:", [len(row) for row in X_new[:4]])

# %%
# Real and synthetic calls
# ------------------------

real = {label: [row for row, name in zip(X, y, strict=True) if name == label] for label in set(y)}
new = {label: [row for row, n in zip(X_new, y_new, strict=True) if n == label] for label in set(y)}
figure, axes = plt.subplots(2, 6, figsize=(9, 3.4), sharex=True, sharey=True, layout="constrained")
for line, label in zip(axes, ("rising", "falling"), strict=True):
    for column, row in enumerate([*real[label][:3], *new[label][:3]]):
        line[column].specgram(row, NFFT=128, Fs=rate, noverlap=96, vmin=-20, cmap="magma")
        line[column].set(title="real" if column < 3 else "synthetic")
    line[0].set_ylabel(f"{label}\npitch in Hz")
figure.supxlabel("seconds")

# %%
# Do synthetic calls rise and fall?
# ---------------------------------
# The loudest pitch of the last third should lie above that of the first third in rising calls.


def rises(row):
    first, last = (np.abs(np.fft.rfft(part, 2048)).argmax() for part in np.array_split(row, 3)[::2])
    return last > first


right = [rises(row) == (label == "rising") for row, label in zip(X_new, y_new, strict=True)]
print(f"calls that go the way of their label: {np.mean(right):.2f}")
