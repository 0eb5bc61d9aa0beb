"""Few recordings: how much synthetic rows add at 5, 10 and 20 takes of each spoken digit.

The data are the Free Spoken Digits (Jackson et al., CC BY-SA 4.0): 3,000 recordings at 8 kHz by six
speakers, of which takes 0 to 4 are the test part, as their authors say. Beside the training takes,
half as many choose the arm. The classifier is the small CNN on log-mel spectrograms.

``noise``, ``echo``, ``specaugment`` and ``shift`` change waveforms, and were not tuned. ``mixture``
is a normal distribution of each class over cepstra, without training. ``share=1`` trains on
synthetic rows alone.
"""

import zipfile
from functools import lru_cache

import numpy as np

from benchmarks.harness import WORK
from benchmarks.protocol import Protocol, Setup
from gen_augment.data.sources import data_root
from gen_augment.errors import InputError
from gen_augment.modalities import Audio
from gen_augment.modalities.audio.files import soundfile
from gen_augment.rng import derive_seed
from gen_augment.samplers import ConditionalFlow, ConditionalVAE, MixtureSampler
from gen_augment.study import Split, Study, Training

__all__ = ["PROTOCOL", "RATE", "TEST_TAKES", "digits", "recordings"]

RATE, TEST_TAKES = 8000, 5
#: Steps of the flow and of the VAE, and of the classifier, by takes of a digit.
STEPS = {5: (600, 300), 10: (1000, 400), 20: (1500, 500)}
ARMS = (
    "real", "noise", "echo", "specaugment", "shift", "shift+noise", "shift+mixup",
    "mixture:1", "vae:1", "flow:1",
    "flow:1:share=1", "mixture:1+shift+noise", "vae:1+shift+noise", "flow:1+shift+noise",
)  # fmt: skip


def make(rows: str, setup: Setup, seed: int, quick: bool) -> Study:
    """The study of one seed."""
    takes, every = (4, 9) if quick else (int(rows.split()[0]), 1)
    parts = recordings(held_out=False), recordings(held_out=True)
    (X, y), test = ((waves[::every], labels[::every]) for waves, labels in parts)
    steps = setup.steps
    return Study(
        X, y, modality=Audio(sample_rate=RATE), arms=list(setup.arms), add_real=False, n_seeds=1,
        samplers={
            "flow": ConditionalFlow(max_steps=steps["flow"]),
            "vae": ConditionalVAE(max_steps=steps["vae"]),
            "mixture": MixtureSampler(n_components=1),
        },
        split=Split(
            test=test, per_class=takes * 3 // 2, validation_size=1 / 3, near_copies="ignore"
        ),
        training=Training(steps["classifier"], device="cpu"),
        random_state=derive_seed(seed, "protocol") % 2**31,
    )  # fmt: skip


def recordings(*, held_out: bool) -> tuple[list[np.ndarray], np.ndarray]:
    """Waveforms and digits of the test takes, or of all others."""
    waves, labels, _, takes = digits()
    chosen = np.flatnonzero((takes < TEST_TAKES) == held_out)
    return [waves[i] for i in chosen], labels[chosen]


@lru_cache(maxsize=1)
def digits() -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Waveforms, digits, speakers and takes of all recordings."""
    packed, folder = data_root() / "free-spoken-digits.zip", WORK / "free-spoken-digits"
    if not packed.is_file():
        raise InputError(
            f"{packed} is missing: put the recordings of Jakobovski/free-spoken-digit-dataset "
            "there, or set "
            "GEN_AUGMENT_DATA to the folder that has them."
        )
    if not folder.is_dir():
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(WORK)
    waves, names = [], []
    for path in sorted((folder / "recordings").glob("*.wav")):
        waves.append(soundfile().read(path, dtype="int16", always_2d=True)[0][:, 0])
        names.append(path.stem.split("_"))
    labels, speakers, takes = np.array(names).T
    return waves, labels, speakers, takes.astype(np.int64)


PROTOCOL = Protocol(
    "audio-lowdata",
    {
        f"{takes} takes": Setup(
            ARMS, {"classifier": classifier, "flow": sampler, "vae": sampler, "mixture": 0}
        )
        for takes, (sampler, classifier) in STEPS.items()
    },
    make,
)
