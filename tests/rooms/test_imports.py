"""Who imports whom, read from the source: what the contracts of ``pyproject.toml`` cannot say."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import etcdtui

FOLDER = Path(etcdtui.__file__).parent
FILES = [path for path in sorted(FOLDER.rglob("*.py")) if "pb" not in path.relative_to(FOLDER).parts]
FOREIGN_LATE = {
    "client/_transport/tls.py": {"cryptography"},
    "client/_transport/tls_pin.py": {"cryptography"},
    "client/http.py": {"cryptography", "httpcore"},
    "client/option_sources.py": {"yaml"},
    "cli.py": {"getpass", "json"},
    "config/passwords.py": {"keyring"},
    "config/secrets.py": {"hmac"},
    "services/cluster/metrics.py": {"prometheus_client"},
    "services/values/yaml_spans.py": {"yaml"},
    "services/values/yaml_style.py": {"yaml"},
    "services/values/yaml_values.py": {"yaml"},
    "shell.py": {"argcomplete"},
}
"""What others wrote and a start must not wait for; ``tests/ui/test_start.py`` watches that it does not."""
BY_NAME = {
    "core/late.py": "the one way",
    "services/values/zstd.py": "of two modules the one that is there",
    "client/http.py": "in a thread, as it takes long",
}
"""Where a module is imported by a name in a text, and why."""


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def late_imports(source: str) -> set[str]:
    """The first words of what is imported inside of functions."""
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {module.partition(".")[0] for function in functions for module in imports(function)}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_there_is_one_way_to_import_late(path: Path) -> None:
    """Ours by the attributes of a package (``core/late.py``); what others wrote also inside of a function."""
    source, name = path.read_text(), name_of(path)
    assert late_imports(source) <= FOREIGN_LATE.get(name, set())
    if name not in BY_NAME:
        assert "import_module" not in source and "__import__" not in source


@pytest.mark.parametrize("path", [path for path in FILES if "core" in path.relative_to(FOLDER).parts[:1]], ids=name_of)
def test_core_is_the_standard_library_all_of_it(path: Path) -> None:
    foreign = {module for module in imports(ast.parse(path.read_text())) if not module.startswith("etcdtui.core")}
    assert {module for module in foreign if module.partition(".")[0] not in sys.stdlib_module_names} == set()


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path).startswith("ui/")], ids=name_of)
def test_the_user_interface_never_holds_a_client(path: Path) -> None:
    """Neither imported nor reached through a session: nothing is sent but by services, under the guard."""
    tree = ast.parse(path.read_text())
    assert [module for module in imports(tree) if module.startswith(("etcdtui.client", "grpc", "google"))] == []
    held = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in ("client", "_client")}
    assert held == set()


def test_no_imports_are_knotted_not_even_those_for_types() -> None:
    graph = grimp.build_graph("etcdtui")
    found = knots({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    assert found == KNOTS_YET


KNOTS_YET = [["etcdtui.ui.screens.keys.actions", "etcdtui.ui.screens.keys.screen"]]
"""The actions of Keys name their screen, for its type only; this list only gets shorter."""


def test_the_rule_about_knots_finds_one() -> None:
    assert knots({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def knots(imported: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, over however many others (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in imported[module]:
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            at = stack.index(module)
            knot, stack[at:] = stack[at:], []
            if len(knot) > 1:
                found.append(sorted(knot))

    for module in sorted(imported):
        if module not in order:
            visit(module)
    return found
