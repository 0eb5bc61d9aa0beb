"""Controls: arms and inputs whose result is known before the run.

If a control fails, no other protocol here can be trusted. The controls use
Fashion-MNIST at 100 images a class, the rows of ``fashion-lowdata``. Classifiers take
600 steps. Two controls use flips and shifts. Synthetic rows with shuffled labels must
hurt. Using each row twice must change nothing: less than half a point either way.

The study must refuse two leaks. The first is oversampling before the split, which puts
copies of training rows into the test part. The second is the same with each copy one
grey level brighter. It needs ``near_copies="error"``, since by default the study only
warns. A seed takes about 4 minutes of one thread.
"""

from functools import partial

import numpy as np

from benchmarks import lowdata
from benchmarks.comparison import points
from benchmarks.harness import Record
from benchmarks.protocol import SEEDS, Protocol, Setup, images
from gen_augment.errors import LeakError
from gen_augment.study import Split, Study, Training

__all__ = ["PROTOCOL", "leaks", "run", "table"]

REFERENCE, REPEAT, SHUFFLED = "flip+shift", "repeat+flip+shift", "flow:1:shuffled+flip+shift"
ARMS = ("real", "repeat", REFERENCE, REPEAT, "flow:1+flip+shift", SHUFFLED)
#: Bound on the effect of a control that must change nothing.
NOTHING = 0.005
PROTOCOL = Protocol(
    "controls",
    {"100 a class": Setup(ARMS, {"classifier": 600, "flow": 2000})},
    partial(lowdata.make, "fashion-mnist"),
    first=SEEDS,
)


def run(quick: bool) -> Record:
    """Run the leaks and the trials."""
    found = leaks(quick)  # first, because they are fast and show a broken check
    return PROTOCOL.run(quick) | {"leaks": found}


def leaks(quick: bool) -> dict[str, str | None]:
    """Return the error that refused each leak, or None for a leak that was accepted."""
    few = images("fashion-mnist", quick).head(20)
    y = np.tile(few.y, 2)
    brighter = np.clip(few.X.astype(int) + 1, 0, 255).astype(np.uint8)
    copies = {
        "oversampled before the split": few.X,
        "oversampled and one grey level brighter": brighter,
    }
    return {name: _refused(np.concatenate([few.X, more]), y) for name, more in copies.items()}


def _refused(X: np.ndarray, y: np.ndarray) -> str | None:
    try:
        Study(
            X, y, arms=["real"], samplers={}, n_seeds=1, split=Split(near_copies="error"),
            training=Training(1),
        ).run()  # fmt: skip
    except LeakError as error:
        return str(error)
    return None


def table(results: Record) -> str:
    """Return the table of arms, and for each control whether it passed."""
    parts = [PROTOCOL.table(results)]
    result = PROTOCOL.result(results, "100 a class")
    if result is not None and result.n_seeds >= 3:
        hurt, nothing = result.difference(SHUFFLED, REFERENCE), result.difference(REPEAT, REFERENCE)
        parts += [
            _line("Shuffled labels must hurt", points(hurt), hurt.high < 0),
            _line(
                "Each row twice must change nothing",
                points(nothing),
                -NOTHING < nothing.low <= 0 <= nothing.high < NOTHING,
            ),
        ]
    for name, error in results.get("leaks", {}).items():
        parts.append(
            _line(f"Rows {name} must be refused", error or "they were accepted", error is not None)
        )
    return "\n\n".join(parts)


def _line(expected: str, found: str, good: bool) -> str:
    return f"{expected}: {'as expected' if good else '**not as expected**'} ({found})."
