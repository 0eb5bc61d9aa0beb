"""Folders of pipelines: what is refused, and what is loaded."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gen_augment import InputError, MissingDependencyError
from gen_augment.samplers.diffusion import folder as folders
from gen_augment.samplers.diffusion.folder import digest_of, find_folder, load_pipeline, sibling

Pipelines = Callable[[str], Path]


def refused(folder: Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_pipeline(folder, torch.float32)


def test_a_pipeline_is_loaded_without_gradients(pipeline: Pipelines) -> None:
    found = load_pipeline(pipeline("sd"), torch.bfloat16)
    assert found.unet.dtype == torch.bfloat16
    assert not any(weight.requires_grad for weight in found.unet.parameters())
    assert not found.unet.training
    assert type(sibling(found, "AutoPipelineForImage2Image")).__name__.endswith("Img2ImgPipeline")
    assert (
        sibling(load_pipeline(pipeline("dit"), torch.float32), "AutoPipelineForInpainting") is None
    )


def test_bad_folders_are_refused(pipeline: Pipelines, tmp_path: Path) -> None:
    dit = pipeline("dit")
    refused(
        tmp_path / "nothing",
        r"nothing is not a folder with a model_index\.json.*downloaded without allow_download",
    )
    refused(dit / "model_index.json", "is not a folder with a model_index")

    def changed(name: str, **index: Any) -> Path:
        folder = shutil.copytree(dit, tmp_path / name)
        record = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(record | index))
        return folder

    pickles = changed("pickles")
    torch.save({}, pickles / "vae" / "diffusion_pytorch_model.bin")
    load_pipeline(pickles, torch.float32)  # the pickle is ignored if there are safetensors
    (pickles / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    refused(pickles, r"vae holds weights only as pickles, which are never loaded")
    gone = changed("gone")
    (gone / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    refused(gone, "gone cannot be loaded as a pipeline")
    torn = changed("torn")
    weights = torn / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    refused(torn, "torn cannot be loaded as a pipeline")
    shards = changed("shards")
    record = {"metadata": {}, "weight_map": {"a": "../../x.bin"}}
    index = shards / "vae" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps(record))
    refused(shards, "refers to files that are not safetensors in its folder")
    wrong: dict[str, dict[str, Any]] = {
        "os": {"vae": ["os", "system"]},
        "up": {"../x": ["diffusers", "AutoencoderKL"]},
        "list": {"_class_name": ["mine", "Mine"]},
        "unknown": {"_class_name": "NoPipeline"},
    }
    for name, part in wrong.items():
        refused(changed(name, **part), r"model_index\.json needs ")
    broken = changed("broken")
    (broken / "model_index.json").write_text("[")
    refused(broken, "cannot be read as JSON")


@pytest.mark.parametrize("place", ["pipeline.py", "vae/mine.py"])
def test_code_in_a_folder_is_not_run(place: str, pipeline: Pipelines, tmp_path: Path) -> None:
    folder = shutil.copytree(pipeline("dit"), tmp_path / "code")
    (folder / place).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"vae": ["mine", "Mine"]}))
    refused(folder, rf"holds code, such as '{place}', which is never run")
    assert not (tmp_path / "ran").exists()


def test_nothing_is_downloaded_unless_it_is_allowed(
    pipeline: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    asked: list[tuple[str, dict[str, Any]]] = []

    def download(name: str, **options: Any) -> str:
        asked.append((name, options))
        return str(pipeline("dit"))

    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    assert find_folder("owner/name") == Path("owner/name")
    assert find_folder(pipeline("sd"), allow_download=True) == pipeline("sd")
    assert asked == []
    assert find_folder("owner/name", allow_download=True) == pipeline("dit")
    assert asked == [("owner/name", {"use_safetensors": True})]
    monkeypatch.setattr(
        diffusers.DiffusionPipeline,
        "download",
        lambda *_, **__: (_ for _ in ()).throw(OSError("x")),
    )
    with pytest.raises(InputError, match="'owner/name' is no folder and cannot be downloaded: OSE"):
        find_folder("owner/name", allow_download=True)


def test_a_pipeline_object_is_refused_with_the_remedy(pipeline: Pipelines) -> None:
    found = load_pipeline(pipeline("dit"), torch.float32)
    with pytest.raises(
        InputError, match=r"path is a DiTPipeline: give the folder.*save_pretrained"
    ):
        find_folder(found)


def test_the_digest_is_that_of_weights_and_configurations(
    pipeline: Pipelines, tmp_path: Path
) -> None:
    copied = shutil.copytree(pipeline("dit"), tmp_path / "copied")
    (copied / "README.md").write_text("other words")
    assert digest_of(copied) == digest_of(pipeline("dit"))
    (copied / "scheduler" / "scheduler_config.json").write_text("{}")
    assert digest_of(copied) != digest_of(pipeline("dit"))


def test_a_missing_package_is_named(pipeline: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[diffusers\]"):
        load_pipeline(pipeline("dit"), torch.float32)
    assert folders.__doc__
