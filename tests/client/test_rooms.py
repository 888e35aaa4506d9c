"""The client as a library: alone, without knots, and with one way to import late."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import etcdtui
from tests.support.server import Server

ROOT = Path(etcdtui.__file__).parent
PROGRAM = """
import asyncio, sys
from etcdtui.client import Cache, ClientOptions, Naming, connect

async def main():
    async with connect(ClientOptions(endpoints=(sys.argv[1],))) as client:
        async with client.watch("alone") as watcher:
            await client.kv.put("alone", "v")
            print((await anext(watcher)).events[0].kv.value)
        async with Cache(client, "alone", prefix=True) as cache:
            print(len(cache))

asyncio.run(main())
ours = sorted({name.split(".")[1] for name in sys.modules if name.startswith("etcdtui.")})
print(ours, [name for name in ("textual", "rich", "yaml", "cryptography", "httpcore") if name in sys.modules])
"""


def test_the_client_runs_with_core_and_pb_alone(etcd: Server, tmp_path: Path) -> None:
    (tmp_path / "etcdtui").mkdir()
    shutil.copy(ROOT / "__init__.py", tmp_path / "etcdtui")
    for room in ("client", "core", "pb"):
        shutil.copytree(ROOT / room, tmp_path / "etcdtui" / room, ignore=shutil.ignore_patterns("__pycache__"))
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, etcd.endpoint],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["b'v'", "1", "['client', 'core', 'pb'] []"]


def test_no_import_goes_in_a_circle_not_even_for_types() -> None:
    graph = grimp.build_graph("etcdtui", exclude_type_checking_imports=False)
    ours = [name for name in graph.modules if name.startswith(("etcdtui.client", "etcdtui.core"))]
    try:
        list(TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in ours}).static_order())
    except CycleError as error:
        pytest.fail(f"a knot: {error.args[1]}")


def late_imports(path: Path) -> Iterator[str]:
    """Imports that are not at the top of their module; a package's own, for the checker, do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(statement) for statement in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)) and id(node) not in top and path.name != "__init__.py":
            yield f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Name) and node.id in ("import_module", "__import__"):
            yield f"{path.name}:{node.lineno}"


def test_there_is_one_way_to_import_late() -> None:
    """``core.late`` in a package: functions that import had to be found one by one."""
    found = [place for path in sorted((ROOT / "client").rglob("*.py")) for place in late_imports(path)]
    assert not found
