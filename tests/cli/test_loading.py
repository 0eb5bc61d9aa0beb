"""Samplers, modalities and labels as the command line names them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment import InputError
from gen_augment.cli import loading
from gen_augment.cli.loading import (
    SHOWN_COLUMNS,
    choose_modality,
    choose_sampler,
    find_label,
    open_sampler,
    read_data,
    set_parameters,
    show_report,
)
from gen_augment.modalities import Table
from gen_augment.modalities.file_rows import ColumnReading
from gen_augment.samplers import SAMPLERS
from tests.cli.toys import write_table


def test_samplers_and_modalities_by_name() -> None:
    assert choose_sampler("vae") is SAMPLERS["vae"]
    assert choose_modality(None) is None
    assert isinstance(choose_modality("table"), Table)


def test_parameters_are_set_where_they_are_known() -> None:
    samplers: list[Any] = [SAMPLERS["vae"](), SAMPLERS["flow"](), SAMPLERS["bootstrap"]()]
    set_parameters(samplers, {"width": 7, "guidance": 2.5})
    assert (samplers[0].width, samplers[1].width, samplers[1].guidance) == (7, 7, 2.5)
    with pytest.raises(InputError, match=r"--set pth: BootstrapSampler has only .*random_state"):
        set_parameters(samplers[2:], {"pth": 1})


@pytest.mark.parametrize(
    "choose, name, message",
    [
        (choose_sampler, "diffusion", "'diffusion' is not one of .*Write package.module:Class"),
        (choose_sampler, "json:JSONDecoder", "not a subclass of gen_augment.Sampler"),
        (choose_sampler, "json:loads", "is a function, not a class"),
        (choose_sampler, "json:Nothing", "cannot be loaded"),
        (choose_sampler, "no_such_module:A", "cannot be loaded .*No module named"),
        (choose_modality, "json:JSONDecoder", "not a subclass of gen_augment.modalities.Modality"),
        (choose_modality, "smell", "modality='smell' is not known"),
    ],
)
def test_names_that_cannot_be_used(choose: Any, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose(name)


def test_a_label_is_found_by_its_text() -> None:
    assert find_label(np.array([1, 20]), "20") == 20
    assert find_label(np.array(["a", "b"]), "b") == "b"
    with pytest.raises(InputError, match="label '3' was not seen in fit; known labels: 1, 20"):
        find_label(np.array([1, 20]), "3")


def test_part_of_each_class_is_read(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv")
    loaded = read_data(
        str(tmp_path / "t.csv"), target="churn", modality=None, options={}, per_class=3
    )
    assert loaded.rows.class_counts.tolist() == [3, 3]


def test_only_ambiguous_columns_are_listed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_table(tmp_path / "t.csv")
    loaded = read_data(str(tmp_path / "t.csv"), target="churn", modality=None, options={})
    readings = [ColumnReading(f"[c{i}]", "number", 0, "1") for i in range(SHOWN_COLUMNS + 1)]
    readings.append(ColumnReading("odd", "text", 2, "x", "it may be a date"))
    show_report(replace(loaded, report=tuple(readings)))
    text = capsys.readouterr().err
    assert "[c0]" in text
    assert f"[c{SHOWN_COLUMNS}]" not in text
    assert "... and 2 more columns." in text
    assert "odd: it may be a date" in text


def test_a_sampler_on_the_hub_is_asked_for_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(loading, "load_sampler", lambda path, device: asked.append(path))
    open_sampler(Path("hub:ann/wine"), "cpu", None, None)
    assert asked == ["hub:ann/wine"]
