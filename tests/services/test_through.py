"""Clusters that are reached through something else: a real SSH server, and a stand-in for kubectl that forwards."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from etcdtui.config.schema import ENVIRONMENTS, Kubernetes, Profile, Tls
from etcdtui.core.errors import Unavailable
from etcdtui.services.cluster.health import State
from etcdtui.services.session.checkup import Verdict, check_up
from etcdtui.services.session.session import Session
from tests.conftest import ServerFactory
from tests.support import Server, eventually
from tests.support.tls import TlsMaterial

ssh_missing = shutil.which("ssh") is None
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Jump:
    """An SSH server on the loopback that forwards for one key, and the configuration of ssh for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[tuple[str, int]] = []
        self.config = folder / "ssh.conf"
        self._ssh: Any = importlib.import_module("asyncssh")
        self._host_key = self._ssh.generate_private_key("ssh-ed25519")
        self._user_key = self._ssh.generate_private_key("ssh-ed25519")
        self._server: Any = None
        self.port = 0

    async def start(self) -> None:
        jump, library = self, self._ssh

        class Forwarding(library.SSHServer):  # type: ignore[misc,name-defined]  # the library is imported late
            def connection_requested(self, host: str, port: int, *_: object) -> bool:
                jump.opened.append((host, port))
                return True

        keys = library.import_authorized_keys(self._user_key.export_public_key().decode())
        self._server = await library.listen(
            "127.0.0.1", self.port, server_factory=Forwarding, server_host_keys=[self._host_key],
            authorized_client_keys=keys,
        )  # fmt: skip
        self.port = self._server.sockets[0].getsockname()[1]
        key = self.folder / "id"
        key.write_bytes(self._user_key.export_private_key())
        key.chmod(0o600)
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.port} {self._host_key.export_public_key().decode()}")
        self.config.write_text(
            f"Host jump\n HostName 127.0.0.1\n Port {self.port}\n User tester\n IdentityFile {key}\n"
            f" IdentitiesOnly yes\n UserKnownHostsFile {known}\n"
        )

    async def stop(self) -> None:
        self._server.close()
        for connection in list(getattr(self._server, "_connections", ())):
            connection.abort()
        await self._server.wait_closed()

    @property
    def way(self) -> tuple[str, ...]:
        return ("-F", str(self.config), "jump")


@pytest.fixture
async def jump(tmp_path: Path) -> AsyncIterator[Jump]:
    server = Jump(tmp_path)
    await server.start()
    yield server
    await server.stop()


def profile_of(**changes: Any) -> Profile:
    return Profile(name="far", environment="dev", env=ENVIRONMENTS["dev"], read_only=False, **changes)


def _children(word: str) -> list[int]:
    """Processes with this word in their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                argv = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in argv and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(ssh_missing, reason="the system's ssh is not installed here")
async def test_a_jump_host_leads_to_every_member_and_the_child_ends_with_the_session(
    jump: Jump, etcd_server: ServerFactory, tls: TlsMaterial
) -> None:
    server = await etcd_server(tls=tls.server())
    endpoint = f"https://{server.endpoint}"
    session = await Session.open(profile_of(endpoints=(endpoint,), ssh=jump.way, tls=Tls(cacert=str(tls.ca))))
    try:
        assert session.health.state is State.CONNECTED and session.client.endpoints == (endpoint,)
        await session.client.kv.get(b"k")
        host, port = server.endpoint.split(":")
        assert (host, int(port)) in jump.opened
        running = _children(str(jump.config))
        assert running
    finally:
        await session.aclose()
    await eventually(lambda: not _children(str(jump.config)))


@pytest.mark.skipif(ssh_missing, reason="the system's ssh is not installed here")
async def test_the_jump_host_goes_away_and_comes_back(jump: Jump, etcd: Server) -> None:
    session = await Session.open(profile_of(endpoints=etcd.endpoints, ssh=jump.way))
    try:
        for pid in _children(str(jump.config)):
            os.kill(pid, signal.SIGKILL)

        async def state(wanted: State) -> bool:
            await session.monitor.poll()
            return session.health.state is wanted

        await eventually(lambda: state(State.CONNECTED), 10)
        assert _children(str(jump.config))
    finally:
        await session.aclose()


@pytest.mark.skipif(ssh_missing, reason="the system's ssh is not installed here")
async def test_the_errors_of_ssh_are_told_with_what_mends_them(jump: Jump, etcd: Server, tmp_path: Path) -> None:
    conf = jump.config.read_text()
    (tmp_path / "other").write_bytes(jump._ssh.generate_private_key("ssh-ed25519").export_private_key())
    (tmp_path / "other").chmod(0o600)
    for change, words in (
        (conf.replace(f"{tmp_path}/id\n", f"{tmp_path}/other\n"), ("Permission denied", "ssh-add")),
        (conf.replace("known_hosts", "unknown_hosts"), ("Host key verification failed", "once by hand")),
        (conf.replace(f"Port {jump.port}", "Port 1"), ("refused",)),
    ):
        jump.config.write_text(change)
        with pytest.raises(Unavailable) as caught:
            await Session.open(profile_of(endpoints=etcd.endpoints, ssh=jump.way))
        assert all(word in str(caught.value) for word in words), str(caught.value)
        assert not _children(str(jump.config))
    steps = [step async for step in check_up(profile_of(endpoints=etcd.endpoints, ssh=jump.way))]
    assert steps[-1].verdict is Verdict.FAIL and "ssh jump" in steps[-1].words


KUBECTL = """#!{python}
import os, select, socket, sys, threading
argv = sys.argv[1:]
with open(os.environ["KUBE_LOG"], "a") as log:
    log.write(" ".join(argv) + "\\n")
assert argv[:4] == ["--context", "far", "--namespace", "store"], argv
if argv[4] == "get":
    print("pod/etcd-0"); sys.exit(0)
assert argv[4] == "port-forward" and argv[7] == "pod/etcd-0", argv
local, _, remote = argv[8].partition(":")
listener = socket.create_server(("127.0.0.1", int(local or 0)))
print(f"Forwarding from 127.0.0.1:{{listener.getsockname()[1]}} -> {{remote}}", flush=True)
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
while True:
    near, _ = listener.accept()
    far = socket.create_connection(("127.0.0.1", int(remote)))
    threading.Thread(target=pump, args=(near, far), daemon=True).start()
    threading.Thread(target=pump, args=(far, near), daemon=True).start()
"""


async def test_pods_are_reached_by_port_forwards_that_end_with_us(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "kubectl"
    tool.write_text(KUBECTL.format(python=sys.executable))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("KUBE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("ETCDCTL_PASSWORD", "hunter2")
    port = int(etcd.endpoint.rpartition(":")[2])
    pods = Kubernetes(context="far", namespace="store", selector="app=etcd", port=port)
    session = await Session.open(profile_of(kubernetes=pods))
    try:
        assert session.client.endpoints == (f"http://etcd-0:{port}",)
        await session.client.kv.get(b"k")
        running = _children(str(tool))
        assert running and not any(b"hunter2" in Path(f"/proc/{pid}/environ").read_bytes() for pid in running)
        for pid in running:
            os.kill(pid, signal.SIGKILL)

        async def answers() -> bool:
            await session.monitor.poll()
            return session.health.state is State.CONNECTED

        await eventually(lambda: len(_children(str(tool))) >= 1, 10)
        await eventually(answers, 10)
    finally:
        await session.aclose()
    await eventually(lambda: not _children(str(tool)))
    assert "--field-selector status.phase=Running" in (tmp_path / "log").read_text()


async def test_a_child_ends_when_we_are_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio\n"
        "from etcdtui.services.session.through import Child\n"
        "asyncio.run(Child(['/bin/sleep', '98765.5'], print).run())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    await eventually(lambda: _children("98765.5\0"), 10)
    process.kill()
    await process.wait()
    await eventually(lambda: not _children("98765.5\0"))
