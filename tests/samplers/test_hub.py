"""Samplers through a stand-in for the hub, on this machine, and through folders."""

import base64
import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment import (
    ArchiveError,
    ConditionalVAE,
    InputError,
    KDESampler,
    MissingDependencyError,
    NotFittedError,
    Private,
    audit,
    load_sampler,
)
from gen_augment.samplers.hub import ARCHIVE, save_folder

X, Y = load_wine(return_X_y=True)
TOKEN = "hf_ann"  # noqa: S105 # of the stand-in
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """The requests of the hub's API that uploads and downloads use."""

    repositories: ClassVar[dict[str, dict[str, bytes]]]
    private: ClassVar[dict[str, bool]]
    seen: ClassVar[list[str]]

    def log_message(self, *arguments: Any) -> None:
        """Stay quiet."""

    def reply(self, body: Any = b"", status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def repository(self, name: str, revision: str = "main") -> dict[str, bytes] | None:
        key = name if revision in ("main", COMMIT) else f"{name}@{revision}"
        allowed = not self.private.get(name) or self.headers["Authorization"] == f"Bearer {TOKEN}"
        if name not in self.repositories or not allowed:
            self.reply({"error": "no"}, 401, X_Error_Code="RepoNotFound")
        elif key not in self.repositories:
            self.reply({"error": "no"}, 404, X_Error_Code="RevisionNotFound")
        else:
            return self.repositories[key]
        return None

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = urlsplit(self.path).path
        self.seen.append(f"POST {path}")
        parts = [unquote(part) for part in path.split("/")]
        if path == "/api/repos/create":
            body = json.loads(text)
            name = f"{body.get('organization') or 'ann'}/{body['name']}"
            self.repositories.setdefault(name, {})
            self.private[name] = body.get("visibility") == "private" or bool(body.get("private"))
            self.reply({"url": f"http://{self.headers['Host']}/{name}"})
        elif path == "/api/validate-yaml":
            self.reply({"errors": [], "warnings": []})
        elif parts[-2] == "branch":
            self.repositories["/".join(parts[3:5]) + "@" + parts[-1]] = {}
            self.reply({})
        elif parts[-2] == "preupload":
            files = json.loads(text)["files"]
            plain = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            self.reply({"files": [{"path": file["path"]} | plain for file in files]})
        elif parts[-2] == "commit":
            files = self.repository("/".join(parts[3:5]), parts[-1])
            if files is not None:
                for line in map(json.loads, text.splitlines()):
                    if line["key"] == "file":
                        value = line["value"]
                        files[value["path"]] = base64.b64decode(value["content"])
                address = f"http://{self.headers['Host']}/{'/'.join(parts[3:5])}/commit/{COMMIT}"
                self.reply({"commitUrl": address, "commitOid": COMMIT})
        else:
            self.reply({"error": path}, 404)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.seen.append(f"{self.command} {path}")
        parts = [unquote(part) for part in path.split("/")]
        if path.startswith("/api/models/") and "tree" in parts:
            files = self.repository("/".join(parts[3:5]), parts[6])
            if files is not None:
                kind = {"type": "file", "oid": COMMIT}
                self.reply([{"path": n, "size": len(b)} | kind for n, b in files.items()])
        elif path.startswith("/api/models/"):
            files = self.repository("/".join(parts[3:5]), (parts[5:] or ["", "main"])[-1])
            if files is not None:
                names = [{"rfilename": name} for name in files]
                self.reply({"id": "/".join(parts[3:5]), "sha": COMMIT, "siblings": names})
        elif parts[3:4] == ["resolve"]:
            files = self.repository("/".join(parts[1:3]), parts[4])
            if files is not None:
                content = files["/".join(parts[5:])]
                digest = sha256(content).hexdigest()
                self.reply(content, ETag=f'"{digest}"', X_Repo_Commit=digest[:40])
        else:
            self.reply({"error": path}, 404)

    do_HEAD = do_GET


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    from huggingface_hub import constants

    class Here(Hub):
        repositories: ClassVar[dict[str, dict[str, bytes]]] = {}
        private: ClassVar[dict[str, bool]] = {}
        seen: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield Here
    server.shutdown()
    server.server_close()


def test_a_sampler_comes_back_from_the_hub(hub: type[Hub]) -> None:
    sampler = ConditionalVAE(max_steps=5, random_state=0, device="cpu").fit(X, Y)
    address = sampler.push_to_hub("ann/wine-vae", license="cc-by-4.0", token=TOKEN)
    assert address.endswith(COMMIT)
    files = hub.repositories["ann/wine-vae"]
    assert set(files) == {ARCHIVE, "README.md"}
    assert b'load_sampler("hub:ann/wine-vae")' in files["README.md"]
    loaded = load_sampler("hub:ann/wine-vae", device="cpu")
    assert loaded.fingerprint() == sampler.fingerprint()
    expected, _ = sampler.sample(5, random_state=1)
    np.testing.assert_array_equal(loaded.sample(5, random_state=1)[0], expected)
    assert not any("README" in request for request in hub.seen if "resolve" in request)


def test_a_revision_is_a_branch_of_its_own(hub: type[Hub]) -> None:
    first, second = (KDESampler(random_state=seed).fit(X, Y) for seed in (1, 2))
    first.push_to_hub("ann/wine", token=TOKEN)
    second.push_to_hub("ann/wine", revision="second", token=TOKEN)
    assert load_sampler("hub:ann/wine").seed_ == first.seed_
    assert load_sampler("hub:ann/wine", revision="second").seed_ == second.seed_
    with pytest.raises(ArchiveError, match="no revision 'third'"):
        load_sampler("hub:ann/wine", revision="third")


def test_a_private_repository_needs_the_token(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    KDESampler(random_state=1).fit(X, Y).push_to_hub("ann/mine", private=True, token=TOKEN)
    assert hub.private["ann/mine"]
    with pytest.raises(ArchiveError, match="or it is private"):
        load_sampler("hub:ann/mine")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert load_sampler("hub:ann/mine").seed_ == 1


def test_repositories_that_cannot_be_used(hub: type[Hub], tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no repository ann/nothing"):
        load_sampler("hub:ann/nothing")
    hub.repositories["ann/empty"] = {"README.md": b"", "model.bin": b"", "deep/a.safetensors": b""}
    with pytest.raises(ArchiveError, match=r"ann/empty holds no \.safetensors file"):
        load_sampler("hub:ann/empty")
    hub.repositories["ann/two"] = {"a.safetensors": b"", "b.safetensors": b""}
    with pytest.raises(ArchiveError, match=r"several archives \(a.safetensors, b.safetensors\)"):
        load_sampler("hub:ann/two")
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    hub.repositories["ann/other"] = {"m.safetensors": (tmp_path / "other.safetensors").read_bytes()}
    with pytest.raises(ArchiveError, match="gen_augment has not written"):
        load_sampler("hub:ann/other")
    hub.repositories["ann/escape"] = {"../../evil.safetensors": b"", "/evil.safetensors": b""}
    with pytest.raises(ArchiveError, match=r"no \.safetensors file"):
        load_sampler("hub:ann/escape")


def test_a_hub_that_does_not_answer(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between attempts
    with pytest.raises(ArchiveError, match="did not serve the repository ann/wine"):
        load_sampler("hub:ann/wine")


@pytest.mark.parametrize(
    "name", ["", "a/b/c", "../x", "ann/", "/ann", "ann/a b", "ann/a..b", "ann/a--b", "ann/x.git"]
)
def test_names_are_checked_before_anything_is_asked(hub: type[Hub], name: str) -> None:
    sampler = KDESampler().fit(X, Y)
    with pytest.raises(InputError, match="is no name of a repository"):
        load_sampler(f"hub:{name}")
    with pytest.raises(InputError, match="is no name of a repository"):
        sampler.push_to_hub(name)
    assert hub.seen == []


def test_errors_before_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFittedError):
        KDESampler().push_to_hub("ann/wine")
    with pytest.raises(InputError, match="revision='v1' is for repositories"):
        load_sampler("sampler.safetensors", revision="v1")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[hub\]"):
        load_sampler("hub:ann/wine")


def test_a_folder_has_the_files_of_a_repository(tmp_path: Path) -> None:
    sampler = KDESampler(random_state=3).fit(X, Y)
    folder = save_folder(sampler, tmp_path / "new" / "wine")
    assert {path.name for path in folder.iterdir()} == {ARCHIVE, "README.md"}
    assert load_sampler(folder).fingerprint() == sampler.fingerprint()
    (folder / ARCHIVE).unlink()
    with pytest.raises(ArchiveError, match=r"holds no \.safetensors file"):
        load_sampler(folder)


def test_an_audit_is_not_published_with_a_private_sampler(tmp_path: Path) -> None:
    bounds = dict.fromkeys(range(X.shape[1]), (0.0, 2000.0))
    budget = Private(3, 1e-4, bounds=bounds, classes=[0, 1, 2])
    sampler = ConditionalVAE(max_steps=2, privacy=budget, device="cpu").fit(X, Y)
    judge = make_pipeline(StandardScaler(), LogisticRegression())
    found = audit(KDESampler().fit(X, Y), X, Y, model=judge, n_samples=30)
    with pytest.raises(InputError, match="not private"):
        save_folder(sampler, tmp_path / "private", audit=found)
    assert not (tmp_path / "private").exists()
    folder = save_folder(sampler, tmp_path / "private")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", ARCHIVE]
    assert "differentially private, with epsilon" in (folder / "README.md").read_text()
