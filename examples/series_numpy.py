"""Series of a known process: sample them, look at their spectra, and compare arms in a study.

Run: python examples/series_numpy.py        (about half a minute)
"""

import numpy as np

from gen_augment import ConditionalFlow, Study, TransformSampler
from gen_augment.study import Training

rng = np.random.default_rng(0)
n, length = 40, 32
labels = np.repeat(["slow", "fast"], n)
cycles = np.where(labels == "slow", 2, 5)[:, None]
phases = rng.uniform(0, 2 * np.pi, (2 * n, 1))
X = np.sin(2 * np.pi * cycles * np.arange(length) / length + phases)
X += 0.8 * rng.normal(size=X.shape)

# An array of two axes could be a table: the modality says that rows are series.
sampler = ConditionalFlow(modality="series", width=16, max_steps=250, random_state=0)
X_new, y_new = sampler.fit(X, labels).sample(y={"slow": 50, "fast": 50})
power = np.abs(np.fft.rfft(X_new, axis=1)) ** 2
for label in ("slow", "fast"):
    print(label, "strongest frequency:", int(power[y_new == label].mean(axis=0)[1:].argmax()) + 1)

# Do samples help a classifier? Warping is the baseline that is hard to beat.
study = Study(
    X,
    labels,
    modality="series",
    arms=["real", "window", "warped"],
    samplers={"warped": TransformSampler(transforms=["time_warp", "jitter"])},
    training=Training(n_steps=60),
    n_seeds=3,
)
result = study.run()
print(result.table().round(3).to_string())
print(result.verdict())
