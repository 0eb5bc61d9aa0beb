"""The network of a fitted sampler in copies, and parameters that were changed after the fit.

``sampler.set_params(width=64)`` leaves the fitted weights as they are. Copies and archives hold
weights and parameters, from which the network is built again. So a parameter that changes the
shape of a weight is refused until the sampler is fitted again or the parameter is set back.
"""

from typing import Any

from torch import nn

from gen_augment.errors import InputError
from gen_augment.samplers import persistence
from gen_augment.training.placement import available_device, place
from gen_augment.types import JSON

__all__ = ["check_network_params", "keep_params", "pack_network", "unpack_network"]

_KEPT = "_params_of_network"
#: Parameters of every sampler that no network is built from.
_NOT_OF_NETWORK = {"callbacks", "device", "devices", "random_state", "torch_compile", "verbose"}


def keep_params(sampler: Any) -> None:
    """Keep the parameters that `network_` was built from, for `check_network_params`."""
    names = [name for name in sampler._get_param_names() if name not in _NOT_OF_NETWORK]
    setattr(sampler, _KEPT, {name: getattr(sampler, name, None) for name in names})


def check_network_params(sampler: Any) -> None:
    """Raise `InputError` if a parameter that decides the weights was changed after the fit."""
    kept: JSON = vars(sampler).get(_KEPT, {})
    # By identity: each call of `sample` compares all parameters, which may be arrays.
    now = {name: getattr(sampler, name, None) for name in kept}
    changed = {name: value for name, value in now.items() if value is not kept[name]}
    if not changed:
        return
    if not _builds_same(sampler, kept, changed):
        alone = (name for name in changed if not _builds_same(sampler, kept, {name: now[name]}))
        name = next(alone, next(iter(changed)))
        raise InputError(
            f"{name} was set to {now[name]!r} after the fit, and the fitted network has "
            f"{name}={kept[name]!r}: fit again, or call set_params({name}={kept[name]!r})."
        )
    keep_params(sampler)


def pack_network(sampler: Any, state: JSON) -> JSON:
    """Return the state of a sampler for pickle, with weights in the place of the network.

    Modules with parametrisations (spectral norm) cannot be pickled.

    Raises
    ------
    InputError
        A parameter that decides the weights was changed after the fit.
    """
    state = {name: value for name, value in state.items() if name != _KEPT}
    if "network_" in state:
        check_network_params(sampler)
        network: nn.Module = state.pop("network_")
        weights = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
        state["_weights"] = str(next(network.parameters()).device), weights
    return state


def unpack_network(sampler: Any, packed: tuple[str, JSON]) -> None:
    """Build the network of `sampler` again from what `pack_network` returned as ``_weights``."""
    device, weights = packed
    network = persistence.build_network(sampler)
    network.load_state_dict(weights)
    target = available_device(device)
    sampler.network_ = place(network, target, compiled=sampler.torch_compile).eval()
    keep_params(sampler)


def _builds_same(sampler: Any, kept: JSON, changed: JSON) -> bool:
    """Whether the parameters of the fit with those changed give weights of the fitted shapes."""
    shapes = persistence.shapes_of(sampler.network_.state_dict())
    try:
        return persistence.outline(_with_params(sampler, kept | changed)) == shapes
    except Exception:  # a size that no network can have
        try:
            persistence.outline(_with_params(sampler, kept))
        except RuntimeError:  # a network that cannot be built without memory is not compared
            return True
        return False


def _with_params(sampler: Any, params: JSON) -> Any:
    copied = object.__new__(type(sampler))
    copied.__dict__.update(vars(sampler) | params)
    return copied
