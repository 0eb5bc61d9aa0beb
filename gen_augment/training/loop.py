"""The step loop. It knows no algorithm: it receives ``step(batch) -> {name: loss}``.

Losses stay on the device and are read every `CHECK_EVERY` steps, so that no step waits for one.
At each reading, losses and weights must be finite; the weights are then kept as the last good
ones.

Several processes may train together, each on its rows of every batch (`gen_augment.batch_share`).
They average their gradients in each step, and at each reading their losses and whether to end.
"""

import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gen_augment.batch_share import batch_share
from gen_augment.errors import DivergedError
from gen_augment.training.batches import Batches
from gen_augment.training.noisy import Loss, Noise, NoisyUpdate
from gen_augment.training.placement import without_gpu_search
from gen_augment.types import History, StepFunction

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["CHECK_EVERY", "Hooks", "Loop"]

#: Steps between two readings of the losses.
CHECK_EVERY = 25
#: Share of the steps over which the learning rate rises.
WARMUP = 0.02

Status = Literal["running", "done", "stopped", "interrupted", "diverged"]


class Hooks(Protocol):
    """What the loop calls; see `gen_augment.training.Callback`."""

    check_every: int | None

    def on_resume(self, sampler: Any, loop: "Loop") -> None: ...
    def on_fit_begin(self, sampler: Any, loop: "Loop") -> None: ...
    def on_step_end(self, sampler: Any, loop: "Loop") -> None: ...
    def on_fit_end(self, sampler: Any, loop: "Loop") -> None: ...
    def on_fit_extended(self, sampler: Any, loop: "Loop") -> None: ...


class Loop:
    """Runs `max_steps` optimiser steps and calls the hooks of callbacks.

    Parameters
    ----------
    batches : Batches, or PoissonBatches with `noise`
    network : nn.Module
        Everything that is trained or kept, as one module; its weights are saved and restored.
    sampler : Sampler
        Passed to the callbacks; the loop itself does not use it.
    fabric : Fabric
        Device, precision and backward pass.
    max_steps : int
    callbacks : sequence of Callback
        If several processes train together, only the first one calls them.
    schedule : {"cosine", "trapezoid"}
        Schedule of the learning rate after a warm-up over the first 2% of the steps: a cosine to
        zero, or constant for the first half and then linear to 2%.
    before : (int, dict), optional
        Steps and history of the training that this one continues.
    noise : Noise, optional
        Makes `updater` private. Losses depend on the rows and are then not recorded.

    Attributes
    ----------
    step : int
        Number of steps done.
    history : dict of str to list of float
        ``"step"`` of each reading, and the mean of each loss since the previous reading.
    status : {"running", "done", "stopped", "interrupted", "diverged"}
    """

    def __init__(
        self,
        batches: Batches,
        network: nn.Module,
        *,
        sampler: Any,
        fabric: "Fabric",
        max_steps: int,
        callbacks: Sequence[Hooks] = (),
        schedule: Literal["cosine", "trapezoid"] = "cosine",
        before: tuple[int, History] = (0, {}),
        noise: Noise | None = None,
    ) -> None:
        self.batches = batches
        self.network = network
        self.sampler = sampler
        self.fabric = fabric
        self.max_steps = max_steps
        self.is_shared = fabric.world_size > 1
        self.callbacks = callbacks if fabric.is_global_zero else ()
        self.schedule = schedule
        self.before = before
        self.noise = noise
        self.step = 0
        self.history: History = {"step": []}
        self.status: Status = "running"
        self.optimizers: list[Optimizer] = []
        self._base_lrs: list[list[float]] = []
        self._pending: list[dict[str, Tensor]] = []
        self._check_at = [CHECK_EVERY, *(c.check_every for c in callbacks if c.check_every)]
        self._stop = False
        self._interrupted = False
        self._failing = False

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[Any, Any]:
        """Pass a module and its optimiser to Fabric; train with the returned pair."""
        without_gpu_search(optimizer)
        self._base_lrs.append([group["lr"] for group in optimizer.param_groups])
        # In full precision the wrappers change nothing and cost a small network 10% of its step.
        if self.is_shared or self.fabric._precision.precision != "32-true":
            module, optimizer = self.fabric.setup(module, optimizer)
        self.optimizers.append(optimizer)
        return module, optimizer

    def without_averaging(self, model: Any) -> AbstractContextManager[Any]:
        """Return a block in which `model`, from `setup`, is called and gets no gradients."""
        return self.fabric.no_backward_sync(model) if self.is_shared else nullcontext()

    def updater(self, module: nn.Module, optimizer: Optimizer) -> Callable[..., dict[str, Tensor]]:
        """Return a function ``update(loss, *rows)`` that takes one step and returns the losses.

        ``loss(module, *rows)`` returns the losses of a batch by name; that of the name "loss" is
        differentiated. With `noise`, it is called for each row, see `NoisyUpdate`.
        """
        model, optimizer = self.setup(module, optimizer)
        if self.noise is not None:
            return NoisyUpdate(module, optimizer, self.noise)

        def update(loss: Loss, *rows: Tensor) -> dict[str, Tensor]:
            losses = loss(model, *rows)
            optimizer.zero_grad()
            self.fabric.backward(losses["loss"])
            optimizer.step()
            return losses

        return update

    def record(self) -> tuple[int, History]:
        """Return steps and history of all training so far, including earlier fits."""
        steps, history = self.before
        mine = self.history | {"step": [steps + step for step in self.history["step"]]}
        return steps + self.step, {
            name: [*history.get(name, []), *values] for name, values in mine.items()
        }

    def stop(self) -> None:
        """End training after this step, as early stopping does."""
        self._stop = True

    def extended(self) -> None:
        """Call the hooks for what was added to the network after `run`, such as a student."""
        for callback in self.callbacks:
            callback.on_fit_extended(self.sampler, self)

    def run(self, step: StepFunction) -> None:
        """Call `step` on one batch after another.

        Raises
        ------
        DivergedError
            A loss or weight is not finite; `network` has the last good weights.
        KeyboardInterrupt
            After the step in progress; `network` has the weights of that step.
        """
        for callback in self.callbacks:
            callback.on_resume(self.sampler, self)
        for callback in self.callbacks:
            callback.on_fit_begin(self.sampler, self)
        self._keep()  # a callback may have restored the weights of an earlier run
        error: BaseException | None = None
        try:
            share = batch_share(self.fabric.global_rank, self.fabric.world_size)
            with self._catch_interrupt(), torch.enable_grad(), share:
                self._run(step)
            self._agree()
            self.status = (
                "interrupted" if self._interrupted else "stopped" if self._stop else "done"
            )
            self.check()
        except BaseException as caught:  # raised again when all callbacks have ended
            error, self._failing = caught, True
            if isinstance(error, DivergedError):
                self.status = "diverged"
            if isinstance(error, KeyboardInterrupt):  # no handler was set, or a second Ctrl-C
                self.status = "interrupted"
        for callback in self.callbacks:
            try:
                callback.on_fit_end(self.sampler, self)
            except BaseException as caught:
                error = error or caught
        if error is None or isinstance(error, DivergedError):
            self._adopt_first()
        if error is not None:
            raise error
        if self._interrupted:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Read the losses since the last reading; keep the weights if all are finite, or raise."""
        if not self._pending:
            return
        names = list(self._pending[0])
        losses = torch.stack(
            [torch.stack([row[n].detach().float() for n in names]) for row in self._pending]
        )
        if self.is_shared and not self._failing:
            losses = self._over_all(losses, "mean")
        losses = losses.cpu()  # one copy to the host for the whole window
        first = self.step - len(self._pending) + 1
        self._pending = []
        bad = ~torch.isfinite(losses)
        if bad.any():
            row, column = bad.nonzero()[0].tolist()
            self._raise_diverged(first + row, names[column], float(losses[row, column]))
        if not _all_finite(self.network):
            self._raise_diverged(self.step, "weights", math.nan)
        self._keep()
        if self.noise is not None:
            return
        self.history["step"].append(self.step)
        for name, mean in zip(names, losses.mean(dim=0).tolist(), strict=True):
            self.history.setdefault(name, []).append(mean)

    def _run(self, step: StepFunction) -> None:
        self.network.train()
        while self.step < self.max_steps and not self._ends():
            self._set_lr()
            losses = step(self.batches.at(self.step))
            self._pending.append({name: loss.detach() for name, loss in losses.items()})
            self.step += 1
            if any(self.step % every == 0 for every in self._check_at):
                self.check()
            for callback in self.callbacks:
                callback.on_step_end(self.sampler, self)

    def _ends(self) -> bool:
        """Whether to end before `max_steps`: after any step, or at a reading if shared."""
        if self.is_shared:
            if self.step % CHECK_EVERY:
                return False
            self._agree()
        return self._stop or self._interrupted

    def _agree(self) -> None:
        """Let all processes know that one of them wants to end, so that all end at this step."""
        if self.is_shared:
            wishes = torch.tensor([self._stop, self._interrupted], device=self.fabric.device).int()
            counts = self._over_all(wishes, "sum").tolist()
            self._stop, self._interrupted = (count > 0 for count in counts)

    def _over_all(self, x: Tensor, operation: str) -> Tensor:
        found: Any = self.fabric.all_reduce(x, reduce_op=operation)
        return torch.as_tensor(found)

    @torch.no_grad()
    def _adopt_first(self) -> None:
        """Take the weights of the first process, whose callbacks may have added to them."""
        if self.is_shared:
            for tensor in self.network.state_dict().values():
                sent = tensor.contiguous()
                torch.distributed.broadcast(sent, 0)
                tensor.copy_(sent)

    def _set_lr(self) -> None:
        warmup = max(1, round(WARMUP * self.max_steps))
        factor = min(1.0, (self.step + 1) / warmup)
        share = self.step / self.max_steps
        factor *= (
            0.5 * (1 + math.cos(math.pi * share))
            if self.schedule == "cosine"
            else min(1, max(0.02, 2 - 2 * share))
        )
        for optimizer, base in zip(self.optimizers, self._base_lrs, strict=True):
            for group, lr in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = lr * factor

    def _keep(self) -> None:
        state = self.network.state_dict()
        if not hasattr(self, "_good"):
            self._good = {name: tensor.clone() for name, tensor in state.items()}
        else:
            for name, tensor in state.items():
                self._good[name].copy_(tensor)
        self._good_step = self.step

    def _raise_diverged(self, step: int, name: str, value: float) -> None:
        self.network.load_state_dict(self._good)
        self.step = self._good_step
        raise DivergedError(
            f"{name} became {value} at step {step} of {self.max_steps}; the weights of step "
            f"{self._good_step} were kept. Lower lr, or look for extreme values in X.",
            step=step,
            loss=name,
        )

    @contextmanager
    def _catch_interrupt(self) -> Iterator[None]:
        """Let Ctrl-C end the run between two steps, so that the weights are consistent."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        previous = signal.getsignal(signal.SIGINT) or signal.default_int_handler
        if previous is signal.SIG_IGN:  # the process was started with nohup
            yield
            return

        def on_interrupt(signum: int, frame: Any) -> None:
            self._interrupted = True
            signal.signal(signal.SIGINT, previous)  # a second Ctrl-C ends the step at once

        signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


@torch.no_grad()
def _all_finite(module: nn.Module) -> bool:
    tensors = [t for t in module.state_dict().values() if t.is_floating_point()]
    return bool(torch.stack([t.isfinite().all() for t in tensors]).all()) if tensors else True
