"""What can be hung on training: checkpoints, early stopping, sample grids, TensorBoard, a progress bar."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gen_augment import archive
from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.training.checkpoint import read_seed, read_training, run_id, training_record
from gen_augment.validation import check_positive_int

if TYPE_CHECKING:
    from gen_augment.samplers.base import Sampler
    from gen_augment.training.loop import Loop

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "ProgressBar", "SampleGrid", "TensorBoard"]


class Callback:
    """Three hooks; write those you need. `loop` has `step`, `history`, `status` and `stop()`."""

    #: Whether `on_fit_begin` puts training back to where it was, and so comes before that of others.
    resumes: ClassVar[bool] = False

    def on_fit_begin(self, sampler: "Sampler", loop: "Loop") -> None:
        """Before the first step."""

    def on_step_end(self, sampler: "Sampler", loop: "Loop") -> None:
        """After every step."""

    def on_fit_end(self, sampler: "Sampler", loop: "Loop") -> None:
        """Once, however training ended; `loop.status` says how."""


class Checkpoint(Callback):
    """Save a usable archive every so many steps and when training ends or is interrupted.

    The file loads like any archive (``ConditionalVAE.load(path)``) and also holds what training needs to go
    on: fitting again with the same data, parameters and checkpoint resumes there and, on a CPU, ends in the
    weights of an undisturbed run. A sampler whose `random_state` is None takes the seed of that run.

    Parameters
    ----------
    path : path-like
        Its folder is made where it is missing.
    every : int
        Steps between two savings.
    resume : bool
        Go on from `path` if it is there. Otherwise it is overwritten.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 500, resume: bool = True
    ) -> None:
        self.path = Path(path)
        self.every = check_positive_int("every", every)
        self.resume = resume

    resumes = True

    @property
    def seed(self) -> int | None:
        """That of the run to go on with; None where there is none.

        Raises
        ------
        ArchiveError
            `path` is no archive.
        """
        return read_seed(self.path) if self.resume and self.path.exists() else None

    def on_fit_begin(self, sampler: "Sampler", loop: "Loop") -> None:
        archive.check_writable(self.path)
        self._run = run_id(sampler, loop)
        if self.resume and self.path.exists():
            read_training(self.path, loop, self._run)

    def on_step_end(self, sampler: "Sampler", loop: "Loop") -> None:
        if loop.step % self.every == 0:
            self._save(sampler, loop)

    def on_fit_end(self, sampler: "Sampler", loop: "Loop") -> None:
        if loop.status != "diverged":
            self._save(sampler, loop)

    def _save(self, sampler: "Sampler", loop: "Loop") -> None:
        loop.check()  # what is saved is finite
        header, tensors = sampler._to_archive()
        n_steps, history = loop.record()
        record, state = training_record(loop, self._run)
        header |= {"training": record, "n_steps": n_steps, "history": history}
        archive.write(self.path, header, {**tensors, **state})


class EarlyStopping(Callback):
    """Stop when a loss has not improved for some time.

    Parameters
    ----------
    monitor : str
        A name in `history_`; smaller is better.
    patience : int
        Steps without an improvement.
    min_delta : float
        The least change that counts as one.
    """

    def __init__(
        self, monitor: str = "loss", *, patience: int = 1000, min_delta: float = 0.0
    ) -> None:
        self.monitor = monitor
        self.patience = check_positive_int("patience", patience)
        self.min_delta = min_delta

    def on_fit_begin(self, sampler: "Sampler", loop: "Loop") -> None:
        self._seen = 0
        self.on_step_end(sampler, loop)  # the run that is gone on with may have been stopped

    def on_step_end(self, sampler: "Sampler", loop: "Loop") -> None:
        steps = loop.history["step"]
        if len(steps) == self._seen:
            return
        self._seen = len(steps)
        if self.monitor not in loop.history:
            known = sorted(set(loop.history) - {"step"})
            raise InputError(
                f"EarlyStopping(monitor={self.monitor!r}): {type(sampler).__name__} reports {known}."
            )
        # From all readings, so that those before a checkpoint count.
        best, best_step = float("inf"), 0.0
        for step, value in zip(steps, loop.history[self.monitor], strict=True):
            if value < best - self.min_delta:
                best, best_step = value, step
        if steps[-1] - best_step >= self.patience:
            loop.stop()


class SampleGrid(Callback):
    """Write a picture of the same noise every so many steps, one row of images a class.

    Parameters
    ----------
    folder : path-like
        Gets ``step-000500.png`` and so on.
    every : int
    n_per_class : int
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, every: int = 500, n_per_class: int = 8
    ) -> None:
        self.folder = Path(folder)
        self.every = check_positive_int("every", every)
        self.n_per_class = check_positive_int("n_per_class", n_per_class)

    def on_fit_begin(self, sampler: "Sampler", loop: "Loop") -> None:
        modality, codec = sampler.spec_.modality, sampler.codec_
        if modality.sheet(codec, loop.batches.x[:1].cpu(), 1) is None:
            raise InputError(f"SampleGrid draws pictures, and {modality.name} rows have none.")
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_step_end(self, sampler: "Sampler", loop: "Loop") -> None:
        if loop.step % self.every == 0:
            codes = np.repeat(np.arange(min(sampler.spec_.n_classes, 20)), self.n_per_class)
            rows = sampler.codec_.encode(sampler._rows(np.arange(len(codes)), codes, sampler.seed_))
            sheet = sampler.spec_.modality.sheet(sampler.codec_, rows, self.n_per_class)
            picture = Image.fromarray((np.asarray(sheet) * 255).round().astype(np.uint8))
            picture.save(self.folder / f"step-{loop.step:06d}.png")


class TensorBoard(Callback):
    """Write every reading of the losses to TensorBoard, where it is installed.

    Parameters
    ----------
    folder : path-like
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def on_fit_begin(self, sampler: "Sampler", loop: "Loop") -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingDependencyError(
                "TensorBoard is not installed: pip install 'gen_augment[tensorboard]'."
            ) from error
        self._writer: Any = SummaryWriter(str(self.folder))
        self._seen = len(loop.history["step"])

    def on_step_end(self, sampler: "Sampler", loop: "Loop") -> None:
        for row in range(self._seen, len(loop.history["step"])):
            for name, values in loop.history.items():
                if name != "step":
                    self._writer.add_scalar(name, values[row], int(loop.history["step"][row]))
        self._seen = len(loop.history["step"])

    def on_fit_end(self, sampler: "Sampler", loop: "Loop") -> None:
        self.on_step_end(sampler, loop)
        self._writer.close()


class ProgressBar(Callback):
    """A bar on standard error with the latest losses and the time left; `verbose=True` hangs it on."""

    def on_fit_begin(self, sampler: "Sampler", loop: "Loop") -> None:
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

    def on_step_end(self, sampler: "Sampler", loop: "Loop") -> None:
        latest = {
            name: values[-1] for name, values in loop.history.items() if name != "step" and values
        }
        losses = "  ".join(f"{name} {value:.3g}" for name, value in latest.items())
        self._progress.update(self._task, completed=loop.step, losses=losses)

    def on_fit_end(self, sampler: "Sampler", loop: "Loop") -> None:
        self._progress.stop()
