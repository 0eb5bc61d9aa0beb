"""ARFF files of Weka and KEEL."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.data.sources import load_data
from gen_augment.modalities.table.arff import read_arff

ARFF = """% a comment
@relation "some beans"
@attribute kind {round, long, round}
@attribute 'the width' real [0.0, 5.0]
@attribute holes integer[0,3]
@attribute picked date "yyyy-MM-dd"
@attribute Class {positive,negative}
@inputs kind, 'the width', holes
@outputs Class
@data
round, 1.5, 2, 2024-01-02, positive
?, <null>, <null>, 2024-01-03, negative
long, 2.5, 1, ?, negative
"""


@pytest.mark.parametrize("suffix", [".arff", ".dat"])
def test_files_of_weka_and_keel_are_frames(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"beans{suffix}"
    path.write_text(ARFF)
    data = load_data(path, target="Class")
    expected = pd.DataFrame(
        {
            "kind": pd.Categorical(["round", None, "long"], ["round", "long"]),
            "the width": [1.5, np.nan, 2.5],
            "holes": pd.array([2, None, 1], dtype="Int64"),
            "picked": pd.array(
                np.array(["2024-01-02", "2024-01-03", "NaT"], dtype="datetime64[s]")
            ),
        }
    )
    pd.testing.assert_frame_equal(data.rows.X, expected)
    assert data.rows.y.tolist() == ["positive", "negative", "negative"]
    assert (data.name, data.target, data.rows.y.dtype) == ("beans", "Class", "category")


QUOTED = """@RELATION colours
@ATTRIBUTE 'the size' NUMERIC
@ATTRIBUTE größe {'<0', "0 to 1, or so", 'it\\'s more', blå}
@ATTRIBUTE day date "yyyy-MM-dd HH:mm"
@ATTRIBUTE k{'rød x',b}
@DATA
1,blå,"2024-01-02 10:30",b
% no row
2,'0 to 1, or so',?,'rød x'

3.5,"it's more",'2024-01-03 00:00', b
?,	<0	,2024-01-04 00:00,"rød x"
"""


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
def test_quotes_and_other_alphabets(order: list[int], tmp_path: Path) -> None:
    head, rows = QUOTED.split("@DATA\n")
    lines = [line for line in rows.splitlines() if line and not line.startswith("%")]
    lines = rows.splitlines() if order[0] == 0 else [lines[i] for i in order]  # in either order
    (tmp_path / "t.arff").write_text(f"{head}@DATA\n" + "\n".join(lines), encoding="utf-8")
    data = load_data(tmp_path / "t.arff", target="k")
    known = ["<0", "0 to 1, or so", "it's more", "blå"]
    days = ["2024-01-02T10:30", "NaT", "2024-01-03T00:00", "2024-01-04T00:00"]
    expected = pd.DataFrame(
        {
            "the size": [1, 2, 3.5, np.nan],
            "größe": pd.Categorical(["blå", "0 to 1, or so", "it's more", "<0"], known),
            "day": pd.array(np.array(days, dtype="datetime64[s]")),
        }
    )
    pd.testing.assert_frame_equal(data.rows.X, expected.iloc[order].reset_index(drop=True))
    assert data.rows.y.tolist() == [["b", "rød x", "b", "rød x"][i] for i in order]


@pytest.mark.parametrize(
    "content, message",
    [
        (ARFF + "round, 1.5, 2, 2024-01-02, positive, 7\n", "row 4 has 6 values for 5 columns"),
        (ARFF.replace("holes", "kind"), "two attributes 'kind'"),
        ("", "it has no @data section"),
        ("a,b\n1,2\n", "it has no @data section"),
        (ARFF + "round, 1.5\n", "a row that is too short"),
        (ARFF.replace("{round, long, round}", "string"), "String attributes are not supported"),
        (ARFF + "square, 1.5, 2, 2024-01-02, positive\n", "the value 'square' is not in"),
        (ARFF.split("round, 1.5")[0], "has no rows"),
    ],
)
def test_bad_files_are_named(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "beans.arff"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        load_data(path, target="Class")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("body, expected", [("1.5\n2", [1.5, 2]), ("1.5\n?", [1.5, np.nan])])
def test_fractions_of_an_integer_attribute_are_kept(
    body: str, expected: list[float], tmp_path: Path
) -> None:
    path = tmp_path / "t.arff"
    path.write_text(f"@relation r\n@attribute a integer\n@data\n  % a note\n{body}\n")
    np.testing.assert_array_equal(read_arff(path)["a"], expected)
