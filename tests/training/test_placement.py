"""Devices and numbers of threads."""

import copy
import os
import platform
import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch

from gen_augment.errors import InputError
from gen_augment.study import Training
from gen_augment.study.preparation import resolved_training
from gen_augment.training import placement


@pytest.mark.parametrize("threads, cores, warned", [(8, 2, True), (2, 2, False), (1, 8, False)])
def test_more_threads_than_cores_give_a_warning(
    threads: int, cores: int, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(placement.joblib, "cpu_count", lambda: cores)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        placement.make_fabric("cpu", "32-true")
    messages = [str(w.message) for w in caught if "OMP_NUM_THREADS" in str(w.message)]
    assert len(messages) == warned
    if warned:
        assert f"{threads} threads" in messages[0]
        assert f"OMP_NUM_THREADS={cores}" in messages[0]


@pytest.mark.parametrize(
    "threads, load, policy, warned",
    [
        (2, 3.1, "", True),
        (2, 2.2, "", False),  # the highest load that this process alone causes
        (2, 9.0, "PASSIVE", False),
        (1, 9.0, "", False),
    ],
)
def test_threads_that_wait_for_a_core_give_one_warning(
    threads: int, load: float, policy: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(placement.joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    placement._warn_of_a_busy_machine.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        placement.make_fabric("cpu", "32-true")
        placement.make_fabric("cpu", "32-true")
    assert sum("OMP_WAIT_POLICY=passive" in str(w.message) for w in caught) == warned


PAGE_FAULTS = """
import resource, sys, torch
from gen_augment.training.placement import keep_heap
keep_heap()
for _ in range(2):  # the first round allocates memory that the second reuses
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        steps = [torch.ones(2**20) for _ in range(4)]
        del steps
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="limits of glibc")
@pytest.mark.parametrize(
    "theirs, kept", [({}, True), ({"MALLOC_MMAP_THRESHOLD_": "131072"}, False)]
)
def test_keep_heap_keeps_the_memory_of_a_step(theirs: dict[str, str], kept: bool) -> None:
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MALLOC_", "GLIBC_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", PAGE_FAULTS], env=env | theirs, capture_output=True, check=True
    )
    n_pages = 40 * 2**22 // os.sysconf("SC_PAGE_SIZE")
    assert (int(done.stdout) < n_pages // 20) == kept


def test_automatic_precision_is_16_bits_where_device_and_networks_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def found(**allowed: bool) -> str:
        fabric = placement.make_fabric("cpu", "auto", **allowed)
        return str(fabric._precision.precision)

    for pays in (True, False):
        monkeypatch.setattr(placement, "bfloat16_pays", lambda device, pays=pays: pays)
        assert found() == "32-true"
        assert found(lower=True) == ("bf16-mixed" if pays else "32-true")
        training = resolved_training(Training(precision="auto", device="cpu"), 100)
        assert training.precision == found(lower=True)


def test_16_bits_pay_on_a_processor_with_instructions_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for found, pays in (
        ({"avx512_f": True, "amx_bf16": False, "avx512_bf16": False}, False),
        ({"avx512_f": True, "amx_bf16": False, "avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({}, False),
    ):
        monkeypatch.setattr("torch.cpu.get_capabilities", lambda found=found: found, raising=False)
        assert placement.bfloat16_pays.__wrapped__("cpu") is pays
    monkeypatch.delattr("torch.cpu.get_capabilities")
    assert placement.bfloat16_pays.__wrapped__("cpu") is False


def test_the_precision_is_not_logged_at_each_fit() -> None:
    code = (
        "import sys; from gen_augment.training.placement import make_fabric; "
        "make_fabric('cpu', 'bf16-mixed'); print('then', file=sys.stderr, flush=True); "
        "from lightning_fabric import Fabric; "
        "Fabric(accelerator='cpu', devices=1, precision='bf16-mixed')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    fit, other = run.stderr.split(b"then")
    assert b"Precision" not in fit
    assert other.count(b"Precision") == 1  # other users of the library still see the message


CLUSTERS = {
    "slurm": {
        "SLURM_NTASKS": "4",
        "SLURM_JOB_NAME": "train",
        "SLURM_JOB_ID": "7",
        "SLURM_PROCID": "1",
    },
    "torchrun": {
        "WORLD_SIZE": "2",
        "RANK": "1",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "29500",
    },
    "fabric run": {
        "LT_CLI_USED": "1",
        "LT_ACCELERATOR": "cuda",
        "LT_DEVICES": "2",
        "LT_STRATEGY": "ddp",
    },
}


@pytest.mark.parametrize("launcher", CLUSTERS)
def test_a_process_of_a_cluster_has_one_device(
    launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CLUSTERS[launcher].items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    fabric = placement.make_fabric("cpu", "32-true")
    assert (fabric.device.type, fabric.world_size) == ("cpu", 1)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "chosen, rank, expected",
    [(0, None, 0), (0, "1", 1), (0, "2", 0), (1, "0", 1), (0, "one", 0), (1, None, 1)],
)
def test_cuda_is_the_device_of_this_process(
    chosen: int, rank: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: chosen)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("LOCAL_RANK", rank)
    assert placement._own_cuda_device() == expected


def test_devices_without_64_bits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Apple:
        device = torch.device("mps")

        def __init__(self, **how: Any) -> None:
            pass

    monkeypatch.setattr("lightning_fabric.Fabric", Apple)
    with pytest.raises(
        InputError, match=r"device='mps' has no 64-bit numbers, .* give device='cpu'"
    ):
        placement.make_fabric("mps", "32-true")


@pytest.mark.parametrize("name, here", [("cpu", "cpu"), ("cuda:0", "cuda:0"), ("cuda:7", "cpu")])
def test_a_missing_device_is_replaced_by_the_cpu(
    name: str, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert placement.available_device(name) == torch.device(here)


@pytest.mark.parametrize("name", ["cpu", "auto", "abacus", "cuda:9", "cpu:1.5"])
def test_a_device_is_found_as_fabric_finds_it(name: str) -> None:
    def outcome(find: Any) -> str:
        try:
            return str(find())
        except InputError as error:
            return f"refused: {error}"

    expected = outcome(lambda: placement.make_fabric(name, "32-true").device)
    assert outcome(lambda: placement.find_device(name)) == expected


class Counted(torch.nn.Linear):
    """Counts how often its mode is set."""

    n_set = 0

    def train(self, mode: bool = True) -> Any:
        self.n_set += 1
        return super().train(mode)


def test_only_a_network_in_training_changes_its_mode() -> None:
    network = torch.nn.Sequential(inner := Counted(1, 1))
    for is_training, n_set in ((True, 2), (False, 0)):
        network.train(is_training)
        inner.n_set = 0
        with placement.evaluating(network):
            assert not inner.training
        assert (network.training, inner.training) == (is_training, is_training)
        assert inner.n_set == n_set
    inner.train()  # alone
    with placement.evaluating(network):
        assert not inner.training


def test_a_step_on_a_cpu_does_not_look_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    plain, ours = (torch.optim.AdamW([weight], lr=0.5) for _ in range(2))
    if not hasattr(plain, "_accelerator_graph_capture_health_check"):
        pytest.skip("this version of torch does not look for a GPU")
    looked = []
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **given: looked.append(1))
    plain.step()
    assert looked == [1]
    placement.without_gpu_search(ours).step()
    assert looked == [1]
    assert not torch.equal(weight, torch.ones(2))
    assert copy.deepcopy(ours).state_dict().keys() == plain.state_dict().keys()
