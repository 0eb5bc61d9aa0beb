"""Tables written to CSV and Parquet files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from gen_augment import ConditionalVAE, InputError
from gen_augment.data.export import write_parts
from gen_augment.samplers import BootstrapSampler
from tests.conftest import as_form, toy_table


def write_rows(path: Path, X: Any, y: Any, sampler: Any) -> None:
    write_parts(path, [(X, y)], sampler.codec_)


def fit(X: Any, y: Any) -> ConditionalVAE:
    return ConditionalVAE(
        max_steps=1, batch_size=4, width=2, latent_dim=2, random_state=0, device="cpu"
    ).fit(X, y)


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_frames_are_read_back_with_their_dtypes(suffix: str, tmp_path: Path) -> None:
    X, y = as_form("table-frame")
    sampler = fit(X, y)
    rows, labels = sampler.sample(9)
    path = tmp_path / f"out{suffix}"
    write_rows(path, rows, labels, sampler)
    back = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert back.columns.tolist() == [*X.columns, "churn"]
    assert back["churn"].tolist() == labels.tolist()
    if suffix == ".parquet":
        pd.testing.assert_frame_equal(back.drop(columns="churn"), rows)
        assert back["churn"].dtype == labels.dtype
    else:
        np.testing.assert_allclose(
            back.drop(columns="churn").astype(float), rows.astype(float), rtol=1e-12
        )
        assert [dtype.kind for dtype in back.dtypes[:-1]] == [dtype.kind for dtype in X.dtypes]
    assert everything_below(tmp_path) == [path.name]


def test_parquet_keeps_categories_and_nullable_dtypes(tmp_path: Path) -> None:
    X, y = toy_table(20)
    frame = pd.DataFrame({"a": X[:, 0], "n": pd.array(np.rint(X[:, 1]), dtype="Int64")})
    labels = pd.Series(pd.Categorical.from_codes(y, ["no", "yes"], ordered=True), name="k")
    sampler = fit(frame, labels)
    rows, new_labels = sampler.sample(5)
    write_rows(tmp_path / "out.parquet", rows, new_labels, sampler)
    back = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(back, rows.assign(k=new_labels))


def test_labels_stay_with_their_rows_for_any_index(
    table_sampler: ConditionalVAE, tmp_path: Path
) -> None:
    rows, _ = table_sampler.sample(3)
    write_rows(
        tmp_path / "out.csv",
        rows,
        pd.Series([2, 0, 1], index=[7, 8, 9], name="kind"),
        table_sampler,
    )
    assert pd.read_csv(tmp_path / "out.csv")["kind"].tolist() == [2, 0, 1]


@pytest.mark.parametrize("dtype", [np.float32, torch.float64, torch.bfloat16])
def test_arrays_and_tensors_get_column_names(dtype: Any, tmp_path: Path) -> None:
    X, y = toy_table(20)
    sampler = fit(
        torch.from_numpy(X).to(dtype) if isinstance(dtype, torch.dtype) else X.astype(dtype), y
    )
    rows, labels = sampler.sample(4)
    write_rows(tmp_path / "out.csv", rows, labels, sampler)
    back = pd.read_csv(tmp_path / "out.csv")
    assert back.columns.tolist() == ["x0", "x1", "x2", "label"]
    expected = rows.double().numpy() if isinstance(rows, torch.Tensor) else rows
    np.testing.assert_allclose(back.iloc[:, :3], expected, rtol=1e-6)
    assert back["label"].tolist() == labels.tolist()


def test_labels_named_by_a_number_keep_their_name(tmp_path: Path) -> None:
    X, y = toy_table(20)
    sampler = fit(pd.DataFrame(X, columns=[1, 2, 3]), pd.Series(y, name=0))
    write_rows(tmp_path / "out.parquet", *sampler.sample(3), sampler)
    assert pd.read_parquet(tmp_path / "out.parquet").columns.tolist() == ["1", "2", "3", "0"]


def test_a_column_with_the_name_of_the_labels_is_an_error(tmp_path: Path) -> None:
    X, y = toy_table(20)
    sampler = fit(pd.DataFrame(X, columns=["a", "b", "label"]), y)
    with pytest.raises(InputError, match="a column 'label'"):
        write_rows(tmp_path / "out.csv", *sampler.sample(3), sampler)
    assert everything_below(tmp_path) == []


def test_parts_have_one_type_even_if_the_first_has_missing_values_only(tmp_path: Path) -> None:
    flags = pd.Series([None] * 5 + [True, False] * 3 + [None], dtype=object)
    X = pd.DataFrame(
        {"flag": flags, "code": pd.Series([None] * 6 + [3] * 6, dtype=object), "x": np.arange(12.0)}
    )
    with pytest.warns(UserWarning, match="dtype object"):
        sampler = BootstrapSampler(random_state=0).fit(X, np.arange(12) % 2)
    write_parts(
        tmp_path / "out.parquet",
        [(X[at : at + 4], np.zeros(4)) for at in (0, 4, 8)],
        sampler.codec_,
    )
    back = pd.read_parquet(tmp_path / "out.parquet")
    assert back["flag"].tolist() == flags.tolist()
    assert pq.read_schema(tmp_path / "out.parquet").field("code").type == "int64"
