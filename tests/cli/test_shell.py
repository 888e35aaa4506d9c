"""What the shell gets: completions for three shells, the example, the schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from etcdtui import cli, shell

PROGRAM = Path(sys.executable).with_name("etcdtui")
CONFIG = "version: 1\nprofiles:\n  prod-eu: {environment: prod, endpoints: [127.0.0.1:1]}\n"


@pytest.mark.parametrize("name", shell.SHELLS)
def test_a_shell_gets_its_completions(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--completions", name]) == 0
    assert "etcdtui" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("etcdtui -p prod", "prod-eu"),
        ("etcdtui -p kube", "kubeadm"),
        ("etcdtui --screen mem", "members"),
        ("etcdtui --theme nor", "nord"),
        ("etcdtui --doc", "--doctor"),
        ("etcdtui demo --mem", "--members"),
    ],
)
def test_tab_completes_flags_profiles_and_names(line: str, wanted: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "out"),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "ETCDTUI_CONFIG": str(file),
    }
    subprocess.run([PROGRAM], env={**os.environ, **asked}, check=False, timeout=60)
    assert wanted in [word.strip() for word in (tmp_path / "out").read_text().split("\n")]


def test_the_example_is_printed_and_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--example-config"]) == 0
    assert capsys.readouterr().out == shell.companion(shell.EXAMPLE).read_text("utf-8")


def test_the_schema_comes_along() -> None:
    assert "profiles" in json.loads(shell.companion(shell.SCHEMA).read_text("utf-8"))["properties"]
