"""pythae's VAE with our encoder and decoder, and the bound of both sides."""

import time
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment import ConditionalVAE
from gen_augment.errors import MissingDependencyError
from gen_augment.modalities import DataSpec, Image

__all__ = [
    "BATCH_SIZE",
    "LATENT_DIM",
    "LR",
    "WARM_STEPS",
    "WIDTH",
    "PythaeVAE",
    "bound",
    "pythae_module",
]

BATCH_SIZE, LATENT_DIM, WIDTH, LR, WEIGHT_DECAY = 64, 32, 32, 2e-3, 1e-4
WARM_STEPS = 5


class PythaeVAE:
    """pythae's `VAE` with our encoder and decoder."""

    def __init__(self, folder: str, *, tuned: bool) -> None:
        self.folder, self.tuned = folder, tuned
        self.models, self.trainers = pythae_module("models"), pythae_module("trainers")

    def fit(self, X: np.ndarray, n_epochs: int) -> float:
        """Return seconds from the end of the first few steps to the end of the last."""
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
            dataset = pythae_module("data.datasets").BaseDataset(pixels, torch.zeros(len(pixels)))
            watch = _stopwatch()
            trainer = _trainer()(
                self.model, dataset, training_config=self._config(n_epochs), callbacks=[watch]
            )
            trainer.train()
        return float(watch.stop - watch.start)

    def sample(self, n: int) -> float:
        """Return the seconds for `n` images."""
        sampler = pythae_module("samplers").NormalSampler(self.model)
        start = time.perf_counter()
        with torch.set_grad_enabled(not self.tuned):
            sampler.sample(n).cpu()
        return time.perf_counter() - start

    def bound(self, X: np.ndarray) -> float:
        """Return the bound of images; see `bound`."""
        return bound(self.network, X, np.zeros(len(X), dtype=np.int64))

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


def pythae_module(name: str) -> ModuleType:
    try:
        return import_module(f"pythae.{name}")
    except ImportError as error:
        raise MissingDependencyError(
            "This benchmark needs pythae, which is not a dependency of gen_augment: "
            f"pip install pythae==0.1.2 ({error})."
        ) from error


def _halves(network: nn.Module) -> tuple[Any, Any]:
    """Return our encoder and decoder as pythae's modules, conditioned on class 0."""
    base, output = pythae_module("models.nn"), pythae_module("models.base.base_utils").ModelOutput

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
    """Return pythae's trainer without the parts that slow it down or write files."""
    trainers = pythae_module("trainers")

    class Trainer(trainers.BaseTrainer):  # type: ignore[misc,name-defined]
        def _setup_callbacks(self) -> None:
            handler = pythae_module("trainers.training_callbacks").CallbackHandler
            self.callback_handler = handler(callbacks=self.callbacks, model=self.model)

        def save_model(self, model: Any, dir_path: str) -> None:
            pass

    return Trainer


def _stopwatch() -> Any:
    callbacks = pythae_module("trainers.training_callbacks")

    class Stopwatch(callbacks.TrainingCallback):  # type: ignore[misc,name-defined]
        step = 0

        def on_train_step_end(self, training_config: Any, **_: Any) -> None:
            self.step += 1
            if self.step == WARM_STEPS:
                self.start = time.perf_counter()
            self.stop = time.perf_counter()

    return Stopwatch()


def _encode(network: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the log-variance of the code of pixels in [0, 1]."""
    mean, log_var = network.to_code(
        torch.cat([network.encoder(2 * x - 1), network.embedding(y)], dim=1)
    ).chunk(2, 1)
    return mean, log_var


def _decode(network: Any, z: Tensor, y: Tensor) -> Tensor:
    logits: Tensor = network.decoder(z, network.embedding(y))
    return logits


@torch.no_grad()
def bound(network: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return the evidence lower bound in nats per image.

    Each image has one code. The noise is the same for every network.
    """
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
