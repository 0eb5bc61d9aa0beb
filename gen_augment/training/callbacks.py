"""Callbacks of training: checkpoints, early stopping, sample grids, TensorBoard, a progress bar."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gen_augment import archive
from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.modalities import Codec, DataSpec
from gen_augment.training.checkpoint import (
    Archivable,
    read_seed,
    read_training,
    run_id,
    training_record,
)
from gen_augment.training.loop import Loop
from gen_augment.validation import check_positive_int

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "ProgressBar",
    "SampleGrid",
    "TensorBoard",
    "TrainedSampler",
    "resumed_seed",
]


class TrainedSampler(Protocol):
    """What a callback may use of the sampler that is being trained."""

    codec_: Codec
    spec_: DataSpec
    classes_: np.ndarray

    def generate(self, index: Any, y: Any) -> Any:
        """Rows by address, from the weights of this step."""


class Callback:
    """Base class of callbacks; write the hooks that you need.

    `sampler` is a `TrainedSampler`; `loop` has `step`, `history`, `status` and `stop()`. If several
    processes train together, callbacks run in the first one only, and must not change weights.
    """

    #: Whether the callback uses no training rows, losses or state; private training refuses others.
    sees_samples_only: ClassVar[bool] = False
    #: Steps between two readings of the losses that the callback needs, besides those of the loop.
    check_every: int | None = None

    def on_resume(self, sampler: Any, loop: Loop) -> None:
        """Restore an interrupted run; called before `on_fit_begin` of any callback."""

    def on_fit_begin(self, sampler: Any, loop: Loop) -> None:
        """Run before the first step."""

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        """Run after every step."""

    def on_fit_end(self, sampler: Any, loop: Loop) -> None:
        """Run once, however training ends; `loop.status` says how."""

    def on_fit_extended(self, sampler: Any, loop: Loop) -> None:
        """Run if a second phase has added to the network, such as the student of a flow."""


class Checkpoint(Callback):
    """Save a usable archive at regular steps, and when training ends or is interrupted.

    The file loads like any archive (``ConditionalVAE.load(path)``). It also holds the state of
    training: a fit with the same data, parameters and checkpoint resumes there and, on a CPU,
    ends in the weights of an uninterrupted run. A sampler whose `random_state` is None takes the
    seed of that run. The student of a flow is in the file when the fit is finished; a fit that
    is interrupted in the student's steps teaches it from the start when it is resumed.

    Parameters
    ----------
    path : path-like
        Its folder is created if it does not exist.
    every : int
        Number of steps between two saves.
    resume : bool
        Resume from `path` if it exists. Otherwise it is overwritten.

    Examples
    --------
    >>> import tempfile
    >>> from gen_augment import ConditionalVAE
    >>> X, y = np.arange(20.0)[:, None], np.arange(20) % 2
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save = Checkpoint(f"{folder}/vae.safetensors", every=2)
    ...     sampler = ConditionalVAE(max_steps=4, callbacks=[save], device="cpu").fit(X, y)
    ...     ConditionalVAE.load(save.path).n_steps_
    4
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 500, resume: bool = True
    ) -> None:
        self.path = Path(path)
        self.every = self.check_every = check_positive_int("every", every)
        self.resume = resume

    @property
    def seed(self) -> int | None:
        """Seed of the run that would be resumed; None if there is none.

        Raises
        ------
        ArchiveError
            `path` is not an archive.
        """
        return read_seed(self.path) if self.resume and self.path.exists() else None

    def on_resume(self, sampler: Archivable, loop: Loop) -> None:
        archive.check_writable(self.path)
        self._run = run_id(sampler, loop)
        if self.resume and self.path.exists():
            read_training(self.path, loop, self._run)

    def on_step_end(self, sampler: Archivable, loop: Loop) -> None:
        if loop.step % self.every == 0:
            self._save(sampler, loop)

    def on_fit_end(self, sampler: Archivable, loop: Loop) -> None:
        if loop.status != "diverged":
            self._save(sampler, loop)

    def on_fit_extended(self, sampler: Archivable, loop: Loop) -> None:
        self._save(sampler, loop)

    def _save(self, sampler: Archivable, loop: Loop) -> None:
        loop.check()  # what is saved must be finite
        header, tensors = sampler._to_archive()
        n_steps, history = loop.record()
        record, state = training_record(loop, self._run)
        header |= {"training": record, "n_steps": n_steps, "history": history}
        archive.write(self.path, header, {**tensors, **state})


def resumed_seed(callbacks: Iterable[Callback]) -> int | None:
    """Return the seed of the run that a checkpoint resumes, if any does."""
    seeds = (callback.seed for callback in callbacks if isinstance(callback, Checkpoint))
    return next((seed for seed in seeds if seed is not None), None)


class EarlyStopping(Callback):
    """Stop when a loss has not improved for some time.

    Parameters
    ----------
    monitor : str
        A name in `history_`; smaller is better.
    patience : int
        Number of steps without an improvement.
    min_delta : float
        Smallest decrease that counts as an improvement.
    """

    def __init__(
        self, monitor: str = "loss", *, patience: int = 1000, min_delta: float = 0.0
    ) -> None:
        self.monitor = monitor
        self.patience = check_positive_int("patience", patience)
        self.min_delta = min_delta

    def on_fit_begin(self, sampler: Any, loop: Loop) -> None:
        self._seen = 0
        self.on_step_end(sampler, loop)  # a resumed run may have been stopped already

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        steps = loop.history["step"]
        if len(steps) == self._seen:
            return
        self._seen = len(steps)
        if self.monitor not in loop.history:
            known = sorted(set(loop.history) - {"step"})
            raise InputError(
                f"EarlyStopping(monitor={self.monitor!r}): {type(sampler).__name__} reports "
                f"{known}."
            )
        # From all readings, so that those before a checkpoint count.
        best, best_step = float("inf"), 0.0
        for step, value in zip(steps, loop.history[self.monitor], strict=True):
            if value < best - self.min_delta:
                best, best_step = value, step
        if steps[-1] - best_step >= self.patience:
            loop.stop()


class SampleGrid(Callback):
    """Write a picture of samples of the same noise at regular steps, one line for each class.

    Parameters
    ----------
    folder : path-like
        Receives ``step-000500.png`` and so on.
    every : int
        Number of steps between two pictures.
    n_per_class : int
    """

    sees_samples_only = True

    def __init__(
        self, folder: str | os.PathLike[str], *, every: int = 500, n_per_class: int = 8
    ) -> None:
        self.folder = Path(folder)
        self.every = check_positive_int("every", every)
        self.n_per_class = check_positive_int("n_per_class", n_per_class)

    def on_fit_begin(self, sampler: TrainedSampler, loop: Loop) -> None:
        modality = sampler.spec_.modality
        if modality.sheet(sampler.codec_, loop.batches.x[:1].cpu(), 1) is None:
            raise InputError(f"SampleGrid draws pictures, and {modality.name} rows have none.")
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_step_end(self, sampler: TrainedSampler, loop: Loop) -> None:
        if loop.step % self.every == 0:
            labels = np.repeat(sampler.classes_[:20], self.n_per_class)
            rows = sampler.codec_.encode(sampler.generate(np.arange(len(labels)), labels))
            sheet = sampler.spec_.modality.sheet(sampler.codec_, rows, self.n_per_class)
            picture = Image.fromarray((np.asarray(sheet) * 255).round().astype(np.uint8))
            picture.save(self.folder / f"step-{loop.step:06d}.png")


class TensorBoard(Callback):
    """Write every reading of the losses to TensorBoard, if it is installed.

    Parameters
    ----------
    folder : path-like
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def on_fit_begin(self, sampler: Any, loop: Loop) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingDependencyError(
                "TensorBoard is not installed: pip install 'gen_augment[tensorboard]'."
            ) from error
        self._writer: Any = SummaryWriter(str(self.folder))
        self._seen = len(loop.history["step"])

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        for row in range(self._seen, len(loop.history["step"])):
            for name, values in loop.history.items():
                if name != "step":
                    self._writer.add_scalar(name, values[row], int(loop.history["step"][row]))
        self._seen = len(loop.history["step"])

    def on_fit_end(self, sampler: Any, loop: Loop) -> None:
        self.on_step_end(sampler, loop)
        self._writer.close()


class ProgressBar(Callback):
    """Show a bar on standard error with the latest losses and the time left (`verbose=True`)."""

    def on_fit_begin(self, sampler: Any, loop: Loop) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(
            f"fit {type(sampler).__name__}", total=loop.max_steps, completed=loop.step, losses=""
        )
        self._progress.start()

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        latest = {
            name: values[-1] for name, values in loop.history.items() if name != "step" and values
        }
        losses = "  ".join(f"{name} {value:.3g}" for name, value in latest.items())
        self._progress.update(self._task, completed=loop.step, losses=losses)

    def on_fit_end(self, sampler: Any, loop: Loop) -> None:
        self._progress.stop()
