"""Training of a `CausalTransformer`, with early stopping on held-out bits per byte.

The moving average of the weights is evaluated at regular steps. The average with the fewest bits
per byte is what the sampler keeps. Bits per byte do not depend on the tokenizer::

    bits per byte = -sum log2 p(token) / number of bytes

References
----------
Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019 (arXiv:1711.05101): AdamW.
Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2022 (arXiv:2106.09685).
Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022 (arXiv:2207.12598): a share of the rows
is learned without their class.
"""

import copy
import math
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.batch_share import own_rows, whole_mean
from gen_augment.errors import MissingDependencyError
from gen_augment.rng import derive_seed
from gen_augment.samplers.language.network import PADDING, CausalTransformer
from gen_augment.training import EMA, Batches, Loop
from gen_augment.training.placement import evaluating
from gen_augment.types import Batch

__all__ = ["LanguageNetwork", "add_lora", "bits_per_byte", "padded", "train"]

#: Share of the rows that is held out, and the maximum of such rows.
HELD_OUT, MOST_HELD_OUT = 0.1, 500
#: Evaluations without an improvement that end training.
PATIENCE = 5
EMA_DECAY = 0.995
WEIGHT_DECAY = 0.1
#: Pretrained weights are trained at this share of the learning rate.
PRETRAINED_SHARE = 0.05
#: Share of the rows that are learned without their class, for guidance.
UNLABELLED_SHARE = 0.1


class LanguageNetwork(nn.Module):
    """A `CausalTransformer` and, while it is trained, its average and its best weights."""

    def __init__(self, model: CausalTransformer) -> None:
        super().__init__()
        self.model = model
        self.best: _Best | None = None

    def sampled(self) -> CausalTransformer:
        """Return the transformer that samples come from."""
        return self.model if self.best is None else self.best.average.module  # type: ignore[return-value]

    def track(self) -> "_Best":
        """Begin to track the average and the best weights."""
        self.best = _Best(self.model)
        return self.best

    def adopt(self) -> None:
        """Take the best weights, if there are any, and end tracking."""
        if self.best is not None and bool(self.best.bits.isfinite()):
            self.model.load_state_dict(self.best.model.state_dict())
        self.best = None

    @staticmethod
    def adopted(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights after `adopt`, of those of a checkpoint."""
        source = "best.model." if "best.bits" in weights else "model."
        if source != "model." and not bool(weights["best.bits"].isfinite()):
            source = "model."
        names = (name for name in weights if name.startswith(source))
        return {f"model.{name.removeprefix(source)}": weights[name] for name in names}


class _Best(nn.Module):
    """The average of a model's weights, and the best average so far."""

    bits: Tensor
    latest: Tensor
    n_worse: Tensor

    def __init__(self, model: CausalTransformer) -> None:
        super().__init__()
        self.average = EMA(model, EMA_DECAY)
        self.model = copy.deepcopy(model).requires_grad_(False)
        device = model.wte.weight.device
        self.register_buffer("bits", torch.tensor(math.inf, device=device))
        self.register_buffer("latest", torch.zeros((), device=device))
        self.register_buffer("n_worse", torch.zeros((), dtype=torch.int64, device=device))

    def read(self, bits: float) -> None:
        """Take the bits per byte of the average into account."""
        self.latest.fill_(bits)
        self.n_worse += 1
        if bits < float(self.bits):
            self.bits.fill_(bits)
            self.n_worse.zero_()
            self.model.load_state_dict(self.average.module.state_dict())


def train(
    network: LanguageNetwork, loop: Loop, token_bytes: Tensor, *, lr: float, is_pretrained: bool
) -> None:
    """Train `network` on the batches of `loop`; a part of the rows is held out.

    Parameters
    ----------
    network : LanguageNetwork
    loop : Loop
        The rows of its batches are token numbers (n, T), int32, filled up with `PADDING`.
    token_bytes : Tensor of shape (vocab_size,)
        Number of bytes of each token.
    lr : float
    is_pretrained : bool
        Whether `lr` is for class embeddings only, and other weights learn more slowly.
    """
    held = _hold_out(loop)
    best = network.track()
    optimizer = torch.optim.AdamW(
        _groups(network.model, lr, is_pretrained), lr=lr, betas=(0.9, 0.98), fused=True
    )
    model, optimizer = loop.setup(network.model, optimizer)
    trained = [weight for weight in network.model.parameters() if weight.requires_grad]
    follow = best.average.follow(network.model)
    every = min(200, max(25, len(loop.batches) // loop.batches.batch_size))

    def evaluate() -> None:
        best.read(bits_per_byte(best.average, *held, token_bytes))

    def step(batch: Batch) -> dict[str, Tensor]:
        if loop.step % every == 0 and len(held[0]):
            evaluate()
            if int(best.n_worse) >= PATIENCE:
                loop.stop()
        optimizer.zero_grad()
        ids, y = _trimmed(*batch)
        is_unlabelled = own_rows(partial(torch.rand, device=y.device), len(y)) < UNLABELLED_SHARE
        n_tokens = whole_mean((ids != PADDING).sum().float())
        loss = _nll(model, ids, y.masked_fill(is_unlabelled, -1)) / n_tokens
        loop.fabric.backward(loss)
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        follow()
        return {"loss": loss, "bits_per_byte": best.latest.clone()}

    try:
        loop.run(step)
        if len(held[0]):
            evaluate()
        else:
            best.read(0.0)  # the last average
    finally:
        network.adopt()


@torch.no_grad()
def bits_per_byte(model: Any, ids: Tensor, y: Tensor, token_bytes: Tensor) -> float:
    """Return the bits per byte of rows under a model without dropout, ends of texts included."""
    n_bytes = token_bytes.to(ids.device)[ids.clamp(min=0).long()].masked_fill(ids == PADDING, 0)
    order = (ids != PADDING).sum(dim=1).argsort()
    with evaluating(model):
        nats = sum(_nll(model, *_trimmed(ids[part], y[part])) for part in torch.split(order, 128))
    return float(nats) / math.log(2) / max(1, int(n_bytes.sum()))


def padded(ids: list[list[int]], max_length: int) -> Tensor:
    """Return token numbers, each row with its end, as (n, T), int32; longer rows are cut."""
    x = torch.full((len(ids), min(max_length + 1, max(map(len, ids)))), PADDING, dtype=torch.int32)
    for row, numbers in zip(x, ids, strict=True):
        n = len(numbers) if len(numbers) <= max_length + 1 else max_length
        row[:n] = torch.tensor(numbers[:n])
    return x


def add_lora(model: CausalTransformer, rank: int) -> None:
    """Freeze a model but its class embeddings, and add adapters of low rank to its layers."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingDependencyError(
            "lora_rank needs peft, which is not installed: pip install 'gen_augment[text]'."
        ) from error
    adapters = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["c_attn", "c_proj", "c_fc"])
    inject_adapter_in_model(adapters, model)
    model.label.requires_grad_(True)


def _hold_out(loop: Loop) -> Batch:
    """Take a part of the rows out of the batches of `loop`; each class keeps at least one."""
    batches = loop.batches
    x, y = batches.x, batches.y
    seed = derive_seed(batches.seed, "held out")
    order = np.random.default_rng(seed).permutation(len(y))
    codes = y.cpu().numpy()[order]
    is_first = np.zeros(len(order), dtype=bool)
    is_first[np.unique(codes, return_index=True)[1]] = True
    n_held = min(MOST_HELD_OUT, max(1, int(HELD_OUT * len(order))))
    held = torch.from_numpy(order[~is_first][:n_held]).to(y.device)
    kept = torch.ones(len(y), dtype=torch.bool, device=y.device)
    kept[held] = False
    weights = None if batches.weights is None else batches.weights[kept]
    loop.batches = Batches(
        x[kept], y[kept], batch_size=batches.batch_size, seed=batches.seed, weights=weights
    )
    return x[held], y[held]


def _groups(model: CausalTransformer, lr: float, is_pretrained: bool) -> list[dict[str, Any]]:
    """Split weights by decay, which matrices alone have, and by learning rate."""
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            is_slow = is_pretrained and not name.startswith("label.")
            groups.setdefault((weight.ndim > 1, is_slow), []).append(weight)
    return [
        {
            "params": weights,
            "weight_decay": WEIGHT_DECAY if has_decay else 0.0,
            "lr": lr * PRETRAINED_SHARE if is_slow else lr,
        }
        for (has_decay, is_slow), weights in groups.items()
    ]


def _trimmed(ids: Tensor, y: Tensor) -> Batch:
    return ids[:, : int((ids != PADDING).sum(dim=1).max())], y


def _nll(model: Any, ids: Tensor, y: Tensor) -> Tensor:
    """Return the sum over all tokens of ``-log p``, in nats."""
    targets = ids[ids != PADDING].long()
    return F.cross_entropy(model(ids, y).float(), targets, reduction="sum")
