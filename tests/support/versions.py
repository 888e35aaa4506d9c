"""Which etcd versions a test runs on."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from etcdtui.demo.binary import Binary, NoEtcd, Version, find_binary, probe, wheel_folder

ENV = "ETCD_BINARIES"
_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def requires_server(spec: str) -> pytest.MarkDecorator:
    """Run the test only on etcd versions that satisfy ``spec``, such as ``">=3.5.16"`` or ``">=3.5,<3.6"``."""
    matches((0, 0, 0), spec)
    return pytest.mark.server(spec)


def matches(version: Version, spec: str) -> bool:
    """Whether ``version`` satisfies every condition of ``spec``; a missing part of a version counts as 0."""
    for condition in spec.split(","):
        found = re.fullmatch(r"(>=|<=|==|!=|>|<)(\d+)\.(\d+)(?:\.(\d+))?", condition.strip())
        if not found:
            raise ValueError(f"not a version condition: {condition!r}")
        wanted = (int(found[2]), int(found[3]), int(found[4] or 0))
        if not _OPERATORS[found[1]](version, wanted):
            return False
    return True


def default_binary() -> Binary:
    try:
        binary = find_binary()
    except NoEtcd as failure:
        raise pytest.UsageError(str(failure)) from failure
    if binary.etcdctl is None and (folder := wheel_folder()):
        binary = Binary(binary.etcd, folder / "etcdctl", binary.version)
    return binary


def matrix_binaries() -> list[Binary]:
    """The binaries in the sub-folders of ``ETCD_BINARIES``, oldest first; empty when it is not set."""
    folder = os.environ.get(ENV)
    if not folder:
        return []
    found = [probe(path) for path in Path(folder).glob("*/etcd")]
    binaries = sorted((b for b in found if b), key=lambda b: b.version)
    if not binaries:
        raise pytest.UsageError(f"{ENV}={folder}: no sub-folder holds an etcd that runs here")
    return binaries
