"""Controls, which must come out as expected, or no other protocol here is to be believed.

Fashion-MNIST at 100 images a class, the rows of ``fashion-lowdata``; classifiers take 600 steps. Under flips and
shifts, synthetic rows with shuffled labels must hurt, and rows twice must do nothing: less than half a point either
way. Two leaks must be refused: oversampling before the split, which puts copies of training rows into the test part,
and, by ``near_copies="error"``, the same with each copy one grey level brighter (of which the default warns). A seed
takes about 4 minutes of one thread.
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
#: What an effect of nothing must lie within.
NOTHING = 0.005
PROTOCOL = Protocol(
    "controls",
    {"100 a class": Setup(ARMS, {"classifier": 600, "flow": 2000})},
    partial(lowdata.make, "fashion-mnist"),
    first=SEEDS,
)


def run(quick: bool) -> Record:
    """The trials, and what became of the leaks."""
    found = leaks(quick)  # first: these take no time, and tell of a broken check
    return PROTOCOL.run(quick) | {"leaks": found}


def leaks(quick: bool) -> dict[str, str | None]:
    """By leak: the error that stopped it, or None where nothing did."""
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
    """The arms; then each control, and whether it came out as expected."""
    parts = [PROTOCOL.table(results)]
    result = PROTOCOL.result(results, "100 a class")
    if result is not None and result.n_seeds >= 3:
        hurt, nothing = result.difference(SHUFFLED, REFERENCE), result.difference(REPEAT, REFERENCE)
        parts += [
            _line("Shuffled labels must hurt", points(hurt), hurt.high < 0),
            _line(
                "Rows twice must do nothing",
                points(nothing),
                -NOTHING < nothing.low <= 0 <= nothing.high < NOTHING,
            ),
        ]
    for name, error in results.get("leaks", {}).items():
        parts.append(
            _line(
                f"Rows {name} must be refused", error or "nothing stopped them", error is not None
            )
        )
    return "\n\n".join(parts)


def _line(expected: str, found: str, good: bool) -> str:
    return f"{expected}: {'as expected' if good else '**not as expected**'} ({found})."
