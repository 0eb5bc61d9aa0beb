"""The result of an audit as a page and as JSON."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from gen_augment import (
    InputError,
    audit,
)
from tests.auditing.toys import (
    GROUPS,
    TRAIN,
    UNSEEN,
    Toy,
    truth,
)
from tests.study.pages import HOSTILE, Page


def test_rows_of_one_class_need_no_classifier(tmp_path: Path) -> None:
    part = [(X[y == 0], y[y == 0]) for X, y in (TRAIN, UNSEEN)]
    found = audit(Toy(truth), *part[0], holdout=part[1])
    assert found.findings == []
    assert not {"label_agreement", "synthetic_on_real"} & set(found.table.index)
    assert found.per_class["synthetic"].tolist() == [200, 0, 0]
    assert not len(found.hardest)
    found.to_json(tmp_path / "sheet.json")
    assert json.loads((tmp_path / "sheet.json").read_text())["classes"]["1"]["precision"] is None
    with pytest.raises(InputError, match="one label"):
        audit(Toy(truth), *part[0], holdout=part[1], group=tuple(np.ones(len(X)) for X, _ in part))


def test_the_page_and_the_json_file_agree(tmp_path: Path) -> None:
    names = np.array(["plain", *HOSTILE])
    classes = np.unique(names)
    sampler = Toy(truth, labels=names)
    found = audit(
        sampler,
        TRAIN[0],
        classes[TRAIN[1]],
        holdout=(UNSEEN[0], classes[UNSEEN[1]]),
        group=(GROUPS, GROUPS),
        model=LogisticRegression(),
    )
    found.to_html(tmp_path / "page.html")
    found.to_json(tmp_path / "sheet.json")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "No problems were found in 600 synthetic rows" in page.text
    for name in names:
        assert name in page.text
    assert not page.all("script")
    assert all(image["alt"] and image["src"].startswith("data:") for image in page.all("img"))
    sheet = json.loads((tmp_path / "sheet.json").read_text(encoding="utf-8"))
    assert sheet["class_counts"] == dict.fromkeys(classes.tolist(), 200)
    assert sheet["figures"]["recall"]["synthetic"] == pytest.approx(
        found.table.loc["recall", "synthetic"]
    )
    assert sheet["figures"]["membership_auc"]["reference"] is None
    assert sheet["classes"]["plain"]["synthetic"] == 200
    assert sheet["groups"]["left"]["before"] == pytest.approx(
        found.groups.by_group.at["left", "before"]
    )
    assert sheet["columns"]["2"]["shape"] == pytest.approx(found.per_column["shape"][2])
    assert len(sheet["hardest"]) == 40
    assert len(page.all("table")) == 5
    assert len(found.examples) == 3 * len(classes)
    assert all(text in page.text for text in found.examples["synthetic"])
    assert len(page.all("img")) == 3
    other = audit(sampler, TRAIN[0] + 1, classes[TRAIN[1]], model=LogisticRegression())
    assert other.card["data_fingerprint"] != sheet["data_fingerprint"]
