"""A fit on several devices that no launcher has started: new processes fit, this one adopts."""

import copy
from functools import partial
from typing import Any

from gen_augment.errors import DivergedError, InputError
from gen_augment.rng import resolve_seed
from gen_augment.training.placement import count_devices, is_launched
from gen_augment.training.processes import run_together

__all__ = ["check_devices", "fit_together", "starts_processes"]


def check_devices(sampler: Any) -> None:
    """Raise `InputError` if the parameters do not fit several devices."""
    n_here, n_nodes = count_devices(sampler.device, sampler.devices)
    n = n_here * n_nodes
    if sampler.batch_size % n:
        smaller = max(n, sampler.batch_size // n * n)
        raise InputError(
            f"batch_size={sampler.batch_size!r} cannot be divided among {n} devices: give a "
            f"multiple of {n}, such as {smaller}."
        )
    if n > 1 and sampler.torch_compile:
        raise InputError(f"torch_compile=True is for one device, not for {n}: leave it out.")


def starts_processes(sampler: Any) -> bool:
    """Return whether a fit starts processes, one for each device."""
    return not is_launched() and count_devices(sampler.device, sampler.devices)[0] > 1


def fit_together(sampler: Any, method: str, X: Any, y: Any, **options: Any) -> None:
    """Call a fitting method of `sampler` in several new processes, and adopt the result."""
    params = sampler.get_params(deep=False)
    seed = params["random_state"]
    seed = seed if seed is None else resolve_seed(seed)  # a generator goes on in this process
    n = count_devices(sampler.device, sampler.devices)[0]
    sent = sampler if method == "partial_fit" else _unfitted(sampler)
    state, error = run_together(partial(_fit, sent, seed, method, X, y, options), n)
    if state is not None:
        sampler.__setstate__(state)
        sampler.__dict__.update(params)
    if error is not None:
        raise error


def _unfitted(sampler: Any) -> Any:
    """Return a copy without the previous fit, which may have had other parameters."""
    copied = object.__new__(type(sampler))
    copied.__dict__.update({k: v for k, v in vars(sampler).items() if not k.endswith("_")})
    return copied


def _fit(
    sampler: Any, seed: int | None, method: str, X: Any, y: Any, options: dict[str, Any]
) -> tuple[Any, BaseException | None]:
    """Return the state of the fitted sampler, and the error that ended training early."""
    before = copy.copy(sampler.__dict__)
    sampler.random_state = seed
    error: BaseException | None = None
    try:
        getattr(sampler, method)(X, y, **options)
    except (DivergedError, KeyboardInterrupt) as caught:
        error = caught.with_traceback(None)
    is_new = sampler.__dict__.get("network_") is not before.get("network_")
    return (sampler.__getstate__() if is_new else None), error
