"""Against pythae's VAE: time of a training step, samples per second, and the evidence lower bound of unseen images.

Both sides have the same encoder and decoder, a code of 32, cross-entropy of pixels in [0, 1], beta = 1, batches of 64
and AdamW with one peak learning rate and a cosine decay, on Fashion-MNIST. pythae 0.1.2 trains by its `BaseTrainer`,
without progress bar and checkpoints, and samples by its `NormalSampler`; as it has no labels, its networks are told one
class always. Both sides run in turn, pythae in a process of its own, as memory that a process keeps for its next step
(see `gen_augment.training.placement.keep_heap`) would serve both; figures are medians of the rounds. "Tuned" is pythae
with what our defaults bring put in by hand: weights that lie channels last, the fused AdamW, sampling without a graph,
and our process with the memory it keeps.

Goals, against pythae as it comes: steps 1.4 times as fast, 1.5 times the samples per second, and after equal steps a
bound as high or higher, which one function computes for both on the 10,000 test images. Labels help, so the fair bound
is that of our VAE with one of two labels drawn at random for each image, which say nothing.

Chadebec, Vincent and Allassonnière, "Pythae: Unifying Generative Autoencoders in Python", 2022 (arXiv:2206.08309).
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from types import ModuleType
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.harness import Measured, Record, markdown, measured_figure, paired_ratio
from gen_augment import ConditionalVAE
from gen_augment.data.sources import load_data
from gen_augment.errors import MissingDependencyError
from gen_augment.modalities import DataSpec, Image
from gen_augment.training import Callback, Loop

__all__ = ["figures", "run", "table"]

BATCH_SIZE, LATENT_DIM, WIDTH, LR, WEIGHT_DECAY = 64, 32, 32, 2e-3, 1e-4
WARM_STEPS = 5
N_CLASSES = 10


def run(quick: bool) -> Record:
    """Times against pythae as it comes and tuned, and the bounds."""
    # Our loop reads its losses at step 50, and pythae's at each: both have waited for a GPU when the clock is stopped.
    timed_steps, epoch_steps, n_epochs, rounds, n_rows = (
        (10, 10, 1, 1, 500) if quick else (50, 100, 10, 5, 5000)
    )
    data = load_data("fashion-mnist").head(epoch_steps * BATCH_SIZE // N_CLASSES)
    if data.test is None:
        raise RuntimeError("Fashion-MNIST has a test part")
    few, n_steps = slice(timed_steps * BATCH_SIZE), epoch_steps * n_epochs
    results: Record = {"timed_steps": timed_steps - WARM_STEPS, "rows": n_rows}
    with _quiet(), tempfile.TemporaryDirectory() as folder, _apart(folder) as plain:
        ours, tuned = _Ours(), _Theirs(folder, tuned=True)
        results["pythae"] = version("pythae")
        for name, theirs in (("tuned", tuned), ("plain", plain)):
            results[f"step, {name}"] = paired_ratio(
                _call(ours.fit, data.rows.X[few], data.rows.y[few], timed_steps),
                _call(theirs.fit, data.rows.X[few], 1),
                rounds,
            )
        bounds = results["bounds"] = {"steps": n_steps, "train_images": len(data.rows.X)}
        X, y = (part[: 500 if quick else None] for part in (data.test.X, data.test.y))
        plain.fit(data.rows.X, n_epochs)
        bounds["pythae"] = plain.bound(X)
        chance = np.random.default_rng(0)
        ours.fit(data.rows.X, chance.integers(2, size=len(data.rows)), n_steps)
        bounds["ours, random labels"] = _bound(ours.network, X, chance.integers(2, size=len(y)))
        ours.fit(data.rows.X, data.rows.y, n_steps)
        bounds["ours, labels"] = _bound(ours.network, X, y)
        for name, theirs in (("tuned", tuned), ("plain", plain)):
            results[f"sample, {name}"] = paired_ratio(
                _call(ours.sample, n_rows), _call(theirs.sample, n_rows), rounds
            )
    return results


def table(results: Record) -> str:
    """Ratios of speed, and bounds in nats per image."""
    rows = []
    for (what, name), speed in _speeds(results).items():
        ours, theirs = (
            _in_unit(what, results[f"{what}, {name}"][key], results)
            for key in ("ours_ms", "bare_ms")
        )
        label = (
            {"step": "ms a step", "sample": "samples/s"}[what]
            + ", pythae"
            + ", tuned" * (name == "tuned")
        )
        spread = f"{speed.value:.2f} ({speed.low:.2f} to {speed.high:.2f})"
        rows.append([label, ours, theirs, spread, "" if speed.goal is None else f"{speed.goal}"])
    bounds = results["bounds"]
    for key, label, goal in (
        ("ours, random labels", "bound, no labels", "0 or more"),
        ("ours, labels", "bound, ours knows labels", ""),
    ):
        mine, theirs = bounds[key], bounds["pythae"]
        rows.append(
            [f"{label}, nats", f"{mine:.2f}", f"{theirs:.2f}", f"{mine - theirs:+.2f}", goal]
        )
    return markdown(
        ["what", "ours", "pythae's", "times as fast (range), or difference", "goal"], rows
    )


def figures(results: Record) -> dict[str, Figure]:
    """Times as fast."""
    found = {f"{what}, pythae {'tuned' if name == 'tuned' else 'as it comes'}": speed
             for (what, name), speed in _speeds(results).items()}  # fmt: skip
    return {"speeds": measured_figure(found, "times as fast as pythae")}


def _speeds(results: Record) -> dict[tuple[str, str], Measured]:
    speeds = {}
    for what, goal in (("step", 1.4), ("sample", 1.5)):
        for name in ("plain", "tuned"):
            found = results[f"{what}, {name}"]
            value, high, low = (1 / found[key] for key in ("ratio", "ratio_min", "ratio_max"))
            speeds[what, name] = Measured(value, low, high, goal if name == "plain" else None)
    return speeds


def _in_unit(what: str, ms: float, results: Record) -> str:
    return (
        f"{ms / results['timed_steps']:.1f}"
        if what == "step"
        else f"{1000 * results['rows'] / ms:.0f}"
    )


class _Ours(Callback):
    """`ConditionalVAE` as its users have it."""

    def fit(self, X: np.ndarray, y: np.ndarray, n_steps: int) -> float:
        """Seconds from the end of the first few steps to the end of the last."""
        self.sampler = ConditionalVAE(
            latent_dim=LATENT_DIM, width=WIDTH, likelihood="bce", beta=1, lr=LR, batch_size=BATCH_SIZE,
            max_steps=n_steps, random_state=0, callbacks=[self],
        ).fit(X, y)  # fmt: skip
        self.network = self.sampler.network_
        return self.stop - self.start

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        if loop.step == WARM_STEPS:
            self.start = time.perf_counter()
        self.stop = time.perf_counter()

    def sample(self, n: int) -> float:
        """Seconds for `n` images and their labels."""
        start = time.perf_counter()
        self.sampler.sample(n, random_state=0)
        return time.perf_counter() - start


class _Theirs:
    """pythae's `VAE` around our encoder and decoder."""

    def __init__(self, folder: str, *, tuned: bool) -> None:
        self.folder, self.tuned = folder, tuned
        self.models, self.trainers = _pythae("models"), _pythae("trainers")

    def fit(self, X: np.ndarray, n_epochs: int) -> float:
        """Seconds from the end of the first few steps to the end of the last."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.network = ConditionalVAE(
                latent_dim=LATENT_DIM, width=WIDTH, likelihood="bce"
            )._build(DataSpec(Image(), (1, 28, 28), 1, bounded=True))
            config = self.models.VAEConfig((1, 28, 28), LATENT_DIM, reconstruction_loss="bce")
            self.model = self.models.VAE(config, *_halves(self.network))
            if self.tuned:
                self.model.to(memory_format=torch.channels_last)
            pixels = _pixels(X)
            dataset = _pythae("data.datasets").BaseDataset(pixels, torch.zeros(len(pixels)))
            watch = _stopwatch()
            trainer = _trainer()(
                self.model, dataset, training_config=self._config(n_epochs), callbacks=[watch]
            )
            trainer.train()
        return float(watch.stop - watch.start)

    def sample(self, n: int) -> float:
        """Seconds for `n` images."""
        sampler = _pythae("samplers").NormalSampler(self.model)
        start = time.perf_counter()
        with torch.set_grad_enabled(not self.tuned):
            sampler.sample(n).cpu()
        return time.perf_counter() - start

    def bound(self, X: np.ndarray) -> float:
        """Of images; see `_bound`."""
        return _bound(self.network, X, np.zeros(len(X), dtype=np.int64))

    def _config(self, n_epochs: int) -> Any:
        return self.trainers.BaseTrainerConfig(
            output_dir=self.folder,
            per_device_train_batch_size=BATCH_SIZE,
            num_epochs=n_epochs,
            learning_rate=LR,
            optimizer_cls="AdamW",
            optimizer_params={"weight_decay": WEIGHT_DECAY}
            | ({"fused": True} if self.tuned else {}),
            scheduler_cls="CosineAnnealingLR",  # pythae's schedules go by epochs
            scheduler_params={"T_max": n_epochs},
        )


class _Apart:
    """`_Theirs` as it comes, in a process that waits for calls."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def fit(self, X: np.ndarray, n_epochs: int) -> float:
        return self.pool.submit(_there, "fit", X, n_epochs).result()

    def sample(self, n: int) -> float:
        return self.pool.submit(_there, "sample", n).result()

    def bound(self, X: np.ndarray) -> float:
        return self.pool.submit(_there, "bound", X).result()


@contextmanager
def _apart(folder: str) -> Iterator[_Apart]:
    _pythae("models")  # or an error before there is another process
    with ProcessPoolExecutor(1, get_context("spawn"), _begin, (folder,)) as pool:
        yield _Apart(pool)


#: Of that process alone.
_plain: list[_Theirs] = []


def _begin(folder: str) -> None:
    logging.disable(logging.INFO)
    _plain.append(_Theirs(folder, tuned=False))


def _there(method: str, *arguments: Any) -> float:
    return float(getattr(_plain[0], method)(*arguments))


def _pythae(name: str) -> ModuleType:
    try:
        return import_module(f"pythae.{name}")
    except ImportError as error:
        raise MissingDependencyError(
            f"this benchmark needs pythae, which is no dependency of gen_augment: pip install pythae==0.1.2 ({error})."
        ) from error


def _halves(network: nn.Module) -> tuple[Any, Any]:
    """Our encoder and decoder in the form that pythae takes, told class 0 always."""
    base, output = _pythae("models.nn"), _pythae("models.base.base_utils").ModelOutput

    def label(x: Tensor) -> Tensor:
        return torch.zeros(len(x), dtype=torch.long, device=x.device)

    class Encoder(base.BaseEncoder):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Any:
            mean, log_var = _encode(network, x, label(x))
            return output(embedding=mean, log_covariance=log_var)

    class Decoder(base.BaseDecoder):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, z: Tensor) -> Any:
            return output(reconstruction=_decode(network, z, label(z)).sigmoid())

    return Encoder(), Decoder()


def _trainer() -> Any:
    """The trainer of pythae, less what would slow it down or write files."""
    trainers = _pythae("trainers")

    class Trainer(trainers.BaseTrainer):  # type: ignore[misc,name-defined]
        def _setup_callbacks(self) -> None:
            handler = _pythae("trainers.training_callbacks").CallbackHandler
            self.callback_handler = handler(callbacks=self.callbacks, model=self.model)

        def save_model(self, model: Any, dir_path: str) -> None:
            pass

    return Trainer


def _stopwatch() -> Any:
    callbacks = _pythae("trainers.training_callbacks")

    class Stopwatch(callbacks.TrainingCallback):  # type: ignore[misc,name-defined]
        step = 0

        def on_train_step_end(self, training_config: Any, **_: Any) -> None:
            self.step += 1
            if self.step == WARM_STEPS:
                self.start = time.perf_counter()
            self.stop = time.perf_counter()

    return Stopwatch()


def _encode(network: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the variance of the code of pixels in [0, 1]."""
    mean, log_var = network.to_code(
        torch.cat([network.encoder(2 * x - 1), network.embedding(y)], dim=1)
    ).chunk(2, 1)
    return mean, log_var


def _decode(network: Any, z: Tensor, y: Tensor) -> Tensor:
    logits: Tensor = network.decoder(z, network.embedding(y))
    return logits


@torch.no_grad()
def _bound(network: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Evidence lower bound in nats per image, one code for each, the same noise for every network."""
    network.eval()
    device = network.to_code.weight.device
    generator, total = torch.Generator().manual_seed(0), 0.0
    for start in range(0, len(X), 500):
        part = slice(start, start + 500)
        x, labels = _pixels(X[part]).to(device), torch.from_numpy(y[part]).to(device)
        mean, log_var = _encode(network, x, labels)
        z = mean + (0.5 * log_var).exp() * torch.randn(mean.shape, generator=generator).to(device)
        error = F.binary_cross_entropy_with_logits(_decode(network, z, labels), x, reduction="sum")
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum()
        total -= float(error + kl)
    return total / len(X)


def _pixels(X: np.ndarray) -> Tensor:
    return torch.from_numpy(X)[:, None].float() / 255  # (B, 1, 28, 28)


def _call(function: Callable[..., float], *arguments: Any) -> Callable[[], float]:
    return lambda: function(*arguments)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the log messages that pythae prints, whatever level is set."""
    previous = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(previous)
