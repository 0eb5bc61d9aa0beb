"""What training needs, besides the weights, to go on where it stopped: optimisers, random state, step."""

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from gen_augment import archive
from gen_augment.errors import ArchiveError
from gen_augment.modalities import codec_to_json
from gen_augment.types import JSON

if TYPE_CHECKING:
    from gen_augment.samplers.base import Sampler
    from gen_augment.training.loop import Loop

__all__ = ["PREFIX", "read_seed", "read_training", "run_id", "training_record"]

PREFIX = "training/"


def training_record(loop: "Loop", run: str) -> tuple[JSON, dict[str, Tensor]]:
    """JSON and tensors from which `read_training` goes on."""
    tensors = {f"{PREFIX}rng": torch.get_rng_state()}
    if loop.fabric.device.type == "cuda":
        tensors[f"{PREFIX}cuda_rng"] = torch.cuda.get_rng_state(loop.fabric.device)
    groups = []
    for i, optimizer in enumerate(loop.optimizers):
        state = optimizer.state_dict()
        groups.append(state["param_groups"])
        for parameter, values in state["state"].items():
            tensors |= {
                f"{PREFIX}{i}/{parameter}/{name}": torch.as_tensor(value)
                for name, value in values.items()
            }
    record = {"step": loop.step, "history": loop.history, "run": run, "param_groups": groups}
    return record, tensors


def read_training(path: str | os.PathLike[str], loop: "Loop", run: str) -> None:
    """Put network, optimisers, random state, step and history back to what `path` holds.

    Raises
    ------
    ArchiveError
        `path` is no checkpoint, or one of other data or parameters.
    """
    header, tensors = archive.read(path)
    record = header.get("training")
    if record is None:
        raise ArchiveError(
            f"{path} is a finished archive, not a checkpoint: give the checkpoint another path."
        )
    if record["run"] != run:
        raise ArchiveError(
            f"{path} is a checkpoint of another run (other data or parameters): delete it, give another path, "
            "or pass resume=False to overwrite it."
        )
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    loop.network.load_state_dict(weights)
    for i, (optimizer, groups) in enumerate(
        zip(loop.optimizers, record["param_groups"], strict=True)
    ):
        optimizer.load_state_dict(
            {"state": _optimizer_state(tensors, f"{PREFIX}{i}/"), "param_groups": groups}
        )
        _match_strides(optimizer)
    torch.set_rng_state(tensors[f"{PREFIX}rng"])
    if f"{PREFIX}cuda_rng" in tensors and loop.fabric.device.type == "cuda":
        torch.cuda.set_rng_state(tensors[f"{PREFIX}cuda_rng"], loop.fabric.device)
    loop.step, loop.history = record["step"], record["history"]


def read_seed(path: str | os.PathLike[str]) -> int:
    """The seed of the run that `path` is of, or an `ArchiveError`."""
    seed = archive.read(path, with_tensors=False)[0].get("seed")
    if type(seed) is not int:
        raise ArchiveError(f"{path} cannot be gone on from: seed={seed!r} is no whole number.")
    return seed


def _optimizer_state(tensors: dict[str, Tensor], prefix: str) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            parameter, key = name.removeprefix(prefix).split("/")
            state.setdefault(int(parameter), {})[key] = tensor
    return state


def _match_strides(optimizer: Optimizer) -> None:
    """Copy the state, moments laid out in memory as their parameters are: fused optimisers walk both in storage order.

    What was read is mapped memory, and Windows replaces no file that is mapped.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for name, value in optimizer.state[parameter].items():
                if not isinstance(value, Tensor):
                    continue
                like = parameter if value.shape == parameter.shape else value
                optimizer.state[parameter][name] = torch.empty_like(
                    like, requires_grad=False
                ).copy_(value)


def run_id(sampler: "Sampler", loop: "Loop") -> str:
    """A hash of everything that decides the weights: class, parameters, seed, data and first weights.

    To be asked before the first step.
    """
    # Callbacks, device and verbosity change where training runs, not where it goes.
    params: dict[str, Any] = {
        k: v for k, v in sampler._json_params().items() if k not in ("device", "verbose")
    }
    digest = hashlib.blake2b(digest_size=16)
    forms = [codec_to_json(sampler.codec_), sampler.label_codec_.to_json()]
    digest.update(
        json.dumps([type(sampler).__name__, params, sampler.seed_, forms], sort_keys=True).encode()
    )
    for tensor in (loop.batches.x, loop.batches.y, *loop.network.state_dict().values()):
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
