"""Fixtures for every test; ``tests/support/__init__.py`` says how to use them."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from etcdtui.demo.binary import Binary
from etcdtui.demo.cluster import Cluster, ServerTls
from tests.support.proxy import TcpProxy
from tests.support.server import Server, running_server
from tests.support.tls import TlsMaterial
from tests.support.versions import default_binary, matches, matrix_binaries

# How long one example takes depends on what else the machine does: no test fails by that.
settings.register_profile("etcdtui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("etcdtui")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "server(spec): run only on etcd versions that satisfy spec")
    # Started by nohup or in the background, signals are ignored here and would be in every program under test.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _binaries(item_is_matrix: bool) -> list[Binary]:
    return (matrix_binaries() if item_is_matrix else []) or [default_binary()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    versions = ", ".join(b.version_text for b in _binaries(True))
    terminalreporter.write_line(f"etcd {default_binary().version_text}; tests marked matrix ran on: {versions}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "etcd_binary" in metafunc.fixturenames:
        binaries = _binaries(metafunc.definition.get_closest_marker("matrix") is not None)
        metafunc.parametrize(
            "etcd_binary", binaries, indirect=True, scope="session", ids=[f"etcd{b.version_text}" for b in binaries]
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a version cannot do; a test that is left out everywhere is deselected, never skipped."""
    fits: list[pytest.Item] = []
    misfits: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        binary = callspec.params.get("etcd_binary") if callspec else None
        specs = [str(mark.args[0]) for mark in item.iter_markers("server")]
        version = binary.version if isinstance(binary, Binary) else default_binary().version if specs else (0, 0, 0)
        (fits if all(matches(version, spec) for spec in specs) else misfits).append(item)
    if misfits:
        config.hook.pytest_deselected(items=misfits)
        items[:] = fits
    items.sort(key=_turn)


LONGEST_FIRST = ("ui/wire", "ui", "faults", "robustness", "conformance", "services", "client", "cli", "demo")
"""Folders whose files take long begin first, so that no worker is left alone with one of them at the end."""


def _turn(item: pytest.Item) -> int:
    place = item.path.parent.relative_to(Path(__file__).parent).as_posix()
    return LONGEST_FIRST.index(place) if place in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def etcd_binary(request: pytest.FixtureRequest) -> Binary:
    """The etcd under test."""
    binary = request.param
    assert isinstance(binary, Binary)
    return binary


@pytest.fixture(scope="session")
def shared_etcd(etcd_binary: Binary) -> Iterator[Server]:
    """The single member behind ``etcd``."""
    with running_server(1, binary=etcd_binary) as server:
        yield server


@pytest.fixture(scope="session")
def shared_cluster3(etcd_binary: Binary) -> Iterator[Server]:
    """The three members behind ``cluster3``."""
    with running_server(3, binary=etcd_binary) as server:
        yield server


@pytest.fixture
def etcd(shared_etcd: Server) -> Server:
    """One member, empty."""
    shared_etcd.clear()
    return shared_etcd


@pytest.fixture
def cluster3(shared_cluster3: Server) -> Server:
    """Three healthy members, empty."""
    shared_cluster3.heal()
    shared_cluster3.clear()
    return shared_cluster3


ServerFactory = Callable[..., Awaitable[Server]]


@pytest.fixture
async def etcd_server(etcd_binary: Binary) -> AsyncIterator[ServerFactory]:
    """A factory for servers of a test's own: ``await etcd_server(size=1, flags=(), tls=None, timeout=30)``."""
    clusters: list[Cluster] = []

    async def start(
        *, size: int = 1, flags: Sequence[str] = (), tls: ServerTls | None = None, binary: Binary | None = None
    ) -> Server:
        cluster = Cluster(size, binary=binary or etcd_binary, flags=flags, tls=tls)
        clusters.append(cluster)
        return Server(await cluster.start())

    yield start
    for cluster in clusters:
        cluster.close()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsMaterial:
    """Certificates, good and bad."""
    folder: Path = tmp_path_factory.mktemp("tls")
    return TlsMaterial(folder)


@pytest.fixture
async def tcp_proxy() -> AsyncIterator[Callable[[str], Awaitable[TcpProxy]]]:
    """A factory for proxies to ``host:port``, closed after the test."""
    proxies: list[TcpProxy] = []

    async def start(target: str) -> TcpProxy:
        proxy = TcpProxy(target)
        proxies.append(proxy)
        return await proxy.start()

    yield start
    for proxy in proxies:
        await proxy.close()
