"""The state of training besides the weights: optimisers, random state, step and history."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from gen_augment import archive
from gen_augment.errors import ArchiveError
from gen_augment.training.loop import Loop
from gen_augment.types import JSON

__all__ = [
    "PREFIX",
    "Archivable",
    "read_seed",
    "read_training",
    "restore_training",
    "run_id",
    "training_record",
]

#: Names of the tensors of training, in an archive, begin with this.
PREFIX = "training/"
_NOT_IN_RUN = ("device", "devices", "verbose")


class Archivable(Protocol):
    """What a checkpoint needs of the sampler that is being trained."""

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        """Header and weights of an archive."""


def training_record(loop: Loop, run: str) -> tuple[JSON, dict[str, Tensor]]:
    """Return the state of training as JSON and tensors, for `read_training`."""
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


def read_training(path: str | os.PathLike[str], loop: Loop, run: str) -> None:
    """Restore network, optimisers, random state, step and history from a checkpoint.

    Raises
    ------
    ArchiveError
        `path` is not a checkpoint, or one of other data or parameters.
    """
    header, tensors = archive.read(path)
    record = header.get("training")
    if record is None:
        raise ArchiveError(
            f"{path} is a finished archive, not a checkpoint: give the checkpoint another path."
        )
    if record["run"] != run:
        raise ArchiveError(
            f"{path} is a checkpoint of another run (other data or parameters, or an "
            "earlier fit): delete it, give another path, or pass resume=False to overwrite it."
        )
    restore_training(loop, record, tensors)


def restore_training(loop: Loop, record: JSON, tensors: Mapping[str, Tensor]) -> None:
    """Restore what `training_record` returned, and the weights of the network."""
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    loop.network.load_state_dict(weights)
    pairs = zip(loop.optimizers, record["param_groups"], strict=True)
    for i, (optimizer, groups) in enumerate(pairs):
        state = _optimizer_state(tensors, f"{PREFIX}{i}/")
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        _match_strides(optimizer)
    torch.set_rng_state(tensors[f"{PREFIX}rng"])
    if f"{PREFIX}cuda_rng" in tensors and loop.fabric.device.type == "cuda":
        torch.cuda.set_rng_state(tensors[f"{PREFIX}cuda_rng"], loop.fabric.device)
    loop.step, loop.history = record["step"], record["history"]


def read_seed(path: str | os.PathLike[str]) -> int:
    """Return the seed of the run of a checkpoint, or raise `ArchiveError`."""
    seed = archive.read(path, with_tensors=False)[0].get("seed")
    if type(seed) is not int:
        raise ArchiveError(f"{path} cannot be resumed: seed={seed!r} is not an int.")
    return seed


def _optimizer_state(tensors: Mapping[str, Tensor], prefix: str) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            parameter, key = name.removeprefix(prefix).split("/")
            state.setdefault(int(parameter), {})[key] = tensor
    return state


def _match_strides(optimizer: Optimizer) -> None:
    """Copy the state, with moments in the memory layout of their parameters.

    Fused optimisers walk both in storage order. The copy also releases the mapping of the file,
    which Windows could not replace otherwise.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for name, value in optimizer.state[parameter].items():
                if not isinstance(value, Tensor):
                    continue
                like = parameter if value.shape == parameter.shape else value
                copied = torch.empty_like(like, requires_grad=False).copy_(value)
                optimizer.state[parameter][name] = copied


def run_id(sampler: Archivable, loop: Loop) -> str:
    """Hash all that decides the weights: class, parameters, seed, data and initial weights.

    To be called before the first step.
    """
    header = sampler._to_archive()[0]
    # Devices and verbosity do not change the result.
    params = {k: v for k, v in header["params"].items() if k not in _NOT_IN_RUN}
    deciding = [header["class"], params, header["seed"], header["codec"], header["labels"]]
    digest = hashlib.blake2b(json.dumps(deciding, sort_keys=True).encode(), digest_size=16)
    batches = loop.batches
    rows = (batches.x, batches.y) if batches.content is None else ()
    digest.update(str(batches.content).encode())
    for tensor in (*rows, *loop.network.state_dict().values()):
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
