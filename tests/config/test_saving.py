"""A profile that is saved is understood as it was, nothing else in the file is another, and no secret is in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from etcdtui.config.loader import read_config
from etcdtui.config.saving import save_profile
from etcdtui.config.schema import Auth, Kubernetes, Profile, Tls
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import ConfigError

FILE = """# my clusters
version: 1

profiles:   # all of them
    old:    # the old one
        endpoints: [a:1]
    # the end

keymap: {find: "f"}
"""
STARTED = Profile(
    name="local", endpoints=("https://10.0.0.1:2379", "10.0.0.2:2379"), ssh=("-F", "/x y", "jump"), dial_timeout=7.0,
    tls=Tls(cacert="/ca.crt", server_name="etcd: 1", passphrase=Secret("hunter2")),
    auth=Auth(user="012", password=Secret("hunter2")), namespace="/a b/", read_only=False,
    metrics=Profile().metrics, kubernetes=Kubernetes(),
)  # fmt: skip


def _saved(file: Path, name: str) -> Profile:
    config = read_config(file, {}, required=True)
    assert not config.problems, config.problems
    found = config.profile(name)
    assert found is not None
    return found


OTHER_INDENT = FILE.replace("    old", "  old").replace("        e", "    e")


@pytest.mark.parametrize("before", [FILE, "", "version: 1\n", "profiles:\n", OTHER_INDENT])
def test_what_is_saved_is_read_as_it_was_and_the_rest_stays(before: str, tmp_path: Path) -> None:
    file = tmp_path / "config" / "config.yaml"
    if before:
        file.parent.mkdir(mode=0o700)
        file.touch(0o600)
        file.write_text(before)
    save_profile(file, "far", STARTED, {})
    found = _saved(file, "far")
    for name in ("endpoints", "ssh", "dial_timeout", "namespace"):
        assert getattr(found, name) == getattr(STARTED, name)
    assert found.tls == replace(STARTED.tls, passphrase=None)
    assert found.auth.user == "012" and found.auth.asks
    text = file.read_text()
    assert "hunter2" not in text and file.stat().st_mode & 0o077 == 0
    assert all(line in text.splitlines() for line in before.splitlines())
    if "old" in before:
        assert _saved(file, "old").endpoints == ("a:1",)
    save_profile(file, "third", STARTED, {})
    assert _saved(file, "far") and _saved(file, "third")


def test_what_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.touch(0o600)
    for before, name, words in (
        (FILE, "old", "already"),
        (FILE, "a b", "letters"),
        ("profiles: {a: {endpoints: ['a:1']}}\n", "far", "by hand"),
    ):
        file.write_text(before)
        with pytest.raises(ConfigError, match=re.escape(words)):
            save_profile(file, name, STARTED, {})
        assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]
