"""What our training loop and sampling cost: against bare loops over the same networks.

Both sides run in turn in one process. The figure is the median of the ratios of the
rounds. A training step may take 1.10 times as long as the bare step. Sampling must
reach 0.90 of the bare generator's rows per second.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from benchmarks.harness import Measured, Record, Trials, markdown, measured_figure, paired_ratio
from gen_augment.samplers import SAMPLERS, Sampler
from gen_augment.samplers.gan.losses import R1_EVERY, r1_penalty
from gen_augment.training import Callback, Loop

__all__ = ["bare_sample_seconds", "figures", "run", "table"]

WARM_STEPS = 5


def run(quick: bool) -> Record:
    """Measure samplers on images of 28 x 28 and on a table of 16 columns."""
    trials = Trials("overhead", quick)
    n_steps, rounds, n_rows = (6, 1, 256) if quick else (45, 9, 5120)

    def measure(name: str, kind: str, what: str) -> Record:
        times = 1 if quick or kind == "image" else 10  # of tables, which take less time
        X, y = _data(kind)
        sampler = SAMPLERS[name](max_steps=n_steps * times, random_state=0, device="cpu").fit(X, y)
        if what == "step":
            return paired_ratio(
                _fit_seconds(sampler, X, y), _bare_fit_seconds(sampler, X, y), rounds
            )
        n = n_rows * times
        found = paired_ratio(_sample_seconds(sampler, n), bare_sample_seconds(sampler, n), rounds)
        return found | {"rows_per_second": n / found["ours_ms"] * 1000}

    with trials.alone():
        for kind, name, what in product(("image", "table"), BARE_STEPS, ("step", "sample")):
            key = {"sampler": name, "data": kind, "what": what}
            trials.add(key, partial(measure, name, kind, what))
    return {"trials": trials.done}


def table(results: Record) -> str:
    """Return ratios, their limits and milliseconds."""
    rows = []
    for found, (what, ratio) in zip(results["trials"], _ratios(results).items(), strict=True):
        limit = (
            "at most {:.2f} times the time" if _is_step(found) else "at least {:.2f} of the speed"
        )
        spread, milliseconds = (
            f"{ratio.low:.3f} to {ratio.high:.3f}",
            (found["ours_ms"], found["bare_ms"]),
        )
        rows.append(
            [
                what,
                f"{ratio.value:.3f}",
                spread,
                limit.format(ratio.goal),
                *(f"{ms:.1f}" for ms in milliseconds),
            ]
        )
    return markdown(
        ["measurement", "ratio", "range", "goal", "ours, ms a round", "bare, ms a round"], rows
    )


def figures(results: Record) -> dict[str, Figure]:
    """Draw the ratios."""
    return {
        "ratios": measured_figure(
            _ratios(results), "time of a step and speed of sampling, relative to the bare code"
        )
    }


def _is_step(found: Record) -> bool:
    return bool(found["what"] == "step")


def _ratios(results: Record) -> dict[str, Measured]:
    """Return ratios of time for steps, and ratios of speed for samples."""
    ratios = {}
    for found in results["trials"]:
        value, *ends = (
            found[name] ** (1 if _is_step(found) else -1)
            for name in ("ratio", "ratio_min", "ratio_max")
        )
        what = f"{found['sampler']}, {found['data']}: {found['what']}"
        ratios[what] = Measured(value, min(ends), max(ends), 1.1 if _is_step(found) else 0.9)
    return ratios


def _data(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 10
    if kind == "image":
        return rng.integers(0, 256, (2000, 28, 28), dtype=np.uint8), y
    return rng.normal(size=(2000, 16)), y


class _Stopwatch(Callback):
    """Measure seconds from the end of the first few steps to the end of the last."""

    def on_step_end(self, sampler: Sampler, loop: Loop) -> None:
        if loop.step == WARM_STEPS:
            self.start = time.perf_counter()
        elif loop.step == loop.max_steps:
            self.seconds = time.perf_counter() - self.start


def _fit_seconds(sampler: Sampler, X: Any, y: Any) -> Callable[[], float]:
    def seconds() -> float:
        watch = _Stopwatch()
        type(sampler)(**(sampler.get_params() | {"callbacks": [watch]})).fit(X, y)
        return watch.seconds

    return seconds


def _bare_fit_seconds(sampler: Any, X: Any, y: Any) -> Callable[[], float]:
    """Return a function that times the training loop of a research script.

    It has the same network, losses and optimisers. Batches come from `randperm`.
    """
    layout = torch.channels_last if len(sampler.spec_.shape) == 3 else torch.contiguous_format
    rows = sampler.codec_.encode(X).contiguous(memory_format=layout)
    labels = torch.from_numpy(y)
    make_step = next(
        step for name, step in BARE_STEPS.items() if isinstance(sampler, SAMPLERS[name])
    )

    def seconds() -> float:
        network = sampler._build(sampler.spec_).to(memory_format=layout).train()
        step = make_step(sampler, network, labels)
        order = torch.randperm(len(rows))
        start = 0.0
        for number in range(sampler.max_steps):
            if number == WARM_STEPS:
                start = time.perf_counter()
            first = number * sampler.batch_size % len(rows)
            here = order[first : first + sampler.batch_size]
            step(rows[here], labels[here], number)
        return time.perf_counter() - start

    return seconds


def _bare_vae(sampler: Any, network: Any, labels: Tensor) -> Callable[[Tensor, Tensor, int], None]:
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=sampler.lr, weight_decay=1e-4, fused=True
    )

    def step(x: Tensor, y: Tensor, number: int) -> None:
        reconstruction, kl, _ = network(x, y)
        loss = reconstruction + 0.5 * kl
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def _bare_gan(sampler: Any, network: Any, labels: Tensor) -> Callable[[Tensor, Tensor, int], None]:
    generator, discriminator, ema = network.generator, network.discriminator, network.ema.module
    generator_optimizer = torch.optim.Adam(
        generator.parameters(), lr=sampler.lr, betas=(0.0, 0.99), fused=True
    )
    discriminator_optimizer = torch.optim.Adam(
        discriminator.parameters(), lr=sampler.discriminator_lr, betas=(0.0, 0.99), fused=True
    )
    augment = sampler._augmentation(sampler._probability())
    gamma = min(0.3, 16 / sampler.n_features_in_)

    def step(x: Tensor, y: Tensor, number: int) -> None:
        fake_y = labels[torch.randint(len(labels), y.shape)]
        fake = generator(torch.randn(len(y), sampler.latent_dim), fake_y)
        seen = augment(torch.cat([x, fake.detach()]))
        real_score, fake_score = discriminator(seen, torch.cat([y, fake_y]), n_groups=2).chunk(2)
        loss = F.softplus(-real_score).mean() + F.softplus(fake_score).mean()
        if number % R1_EVERY == 0:
            loss = loss + R1_EVERY * gamma / 2 * r1_penalty(discriminator, augment(x), y)
        discriminator_optimizer.zero_grad()
        torch.autograd.backward(loss)
        discriminator_optimizer.step()
        discriminator.requires_grad_(False)
        generator_loss = F.softplus(-discriminator(augment(fake), fake_y)).mean()
        generator_optimizer.zero_grad()
        torch.autograd.backward(generator_loss)
        generator_optimizer.step()
        discriminator.requires_grad_(True)
        with torch.no_grad():
            for average, weight in zip(ema.parameters(), generator.parameters(), strict=True):
                average.lerp_(weight, 1 - sampler.ema_decay)
            for average, buffer in zip(ema.buffers(), generator.buffers(), strict=True):
                if buffer.is_floating_point():
                    average.lerp_(buffer, 1 - sampler.ema_decay)

    return step


def _bare_flow(sampler: Any, network: Any, labels: Tensor) -> Callable[[Tensor, Tensor, int], None]:
    velocity, average = network.velocity, network.ema.module
    optimizer = torch.optim.AdamW(
        velocity.parameters(), lr=sampler.lr, weight_decay=1e-4, fused=True
    )

    def step(x: Tensor, y: Tensor, number: int) -> None:
        z, t = torch.randn_like(x), torch.randn(len(x)).sigmoid()
        seen = torch.where(torch.rand(len(y)) < sampler.label_dropout, -1, y)
        x_t = torch.lerp(z, x, t.view(-1, *[1] * (x.ndim - 1)))
        loss = (velocity(x_t, t, seen) - (x - z)).square().mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        with torch.no_grad():
            for mine, weight in zip(average.parameters(), velocity.parameters(), strict=True):
                mine.lerp_(weight, 1 - sampler.ema_decay)

    return step


BARE_STEPS = {"flow": _bare_flow, "gan": _bare_gan, "vae": _bare_vae}


def _sample_seconds(sampler: Sampler, n: int) -> Callable[[], float]:
    def seconds() -> float:
        start = time.perf_counter()
        sampler.sample(n, random_state=0)
        return time.perf_counter() - start

    return seconds


def bare_sample_seconds(sampler: Sampler, n: int, batch: int = 256) -> Callable[[], float]:
    """Return a function that times the generator's forward pass alone.

    Noise and labels are drawn by torch.
    """

    def seconds() -> float:
        start = time.perf_counter()
        with torch.no_grad():
            for _ in range(n // batch):
                z = torch.randn(batch, *sampler.latent_shape)
                sampler._generate(z, torch.randint(sampler.spec_.n_classes, (batch,)))
        return time.perf_counter() - start

    return seconds
