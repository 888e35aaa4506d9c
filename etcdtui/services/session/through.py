"""The way to a cluster that is not reached directly: the system's ``ssh``, or ``kubectl port-forward``, as children.

They run with their own configuration, agent and credentials; nobody types into them. Each member gets a port of its own
on the loopback. They end with us, also when we are killed: a shell between holds a pipe of ours and ends them when it
closes. One that ends by itself is started again, with the same ports, and what it said is told meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import socket
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from etcdtui.client import ClientOptions
from etcdtui.client.probe import address_of
from etcdtui.config.schema import Profile
from etcdtui.config.secrets import child_environment
from etcdtui.core.errors import ConfigError, Unavailable
from etcdtui.core.safe_text import safe_text
from etcdtui.core.tasks import background

STARTING = 10.0
"""Seconds a tunnel has at least until its ports are open."""
LOOK_AGAIN = 0.05
AGAIN_FIRST, AGAIN_MOST = 0.5, 10.0
"""Seconds until a tunnel that ended is started again."""
ENDING = 2.0
"""Seconds a child has to end before it is killed."""
KEPT_LINES = 20
LINE = 400
MAX_PODS = 32
HOLDER = 'exec 3<&0; "$@" </dev/null 3<&- & p=$!; { cat <&3; kill $p; } >/dev/null 2>&1 & wait $p'
"""Runs a program, ends it when our pipe closes, and ends as it ended."""
FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+)")
SSH_OPTIONS = (
    "-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=5",
    "-o", "ServerAliveCountMax=3",
)  # fmt: skip
FIXES = (
    ("host key verification failed", "Run ssh {name} once by hand and look at the key of the host."),
    ("permission denied", "Load the key into the agent (ssh-add), or name it in the configuration of ssh."),
    ("could not resolve hostname", "Look at the name of the jump host."),
    ("administratively prohibited", "The jump host does not let connections be forwarded (AllowTcpForwarding)."),
)


class Child:
    """One program that forwards. ``said`` are its last lines, ``lead`` gets each line of its output."""

    def __init__(self, argv: Sequence[str], lead: Callable[[bytes], object]) -> None:
        self.argv = tuple(argv)
        self.said: deque[str] = deque(maxlen=KEPT_LINES)
        self._lead = lead
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Until it ends by itself; its exit code. Cancelled, it is ended."""
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", HOLDER, "sh", *self.argv,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=child_environment(), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"{self.argv[0]} cannot be started: {error.strerror}") from None
        assert process.stdout is not None and process.stderr is not None
        try:
            await asyncio.gather(self._read(process.stdout, told=False), self._read(process.stderr, told=True))
            return await process.wait()
        finally:
            await asyncio.shield(self._end())

    async def _read(self, stream: asyncio.StreamReader, *, told: bool) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than a line is
                continue
            if not line:
                return
            self._lead(line)
            if told and (words := safe_text(line.strip(), limit=LINE).text):
                self.said.append(words)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, how)
            try:
                async with asyncio.timeout(ENDING):
                    await process.wait()
                break
            except TimeoutError:
                continue


class Tunnel:
    """Children that forward. ``through`` says where each ``host:port`` is dialled; ``words`` why one is not there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.through: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def words(self) -> str:
        return "; ".join(dict.fromkeys(self._problems.values()))

    def keep(self, key: str, argv: Callable[[], Sequence[str]], lead: Callable[[bytes], object]) -> None:
        """Run a child and start it again when it ends; ``argv`` is asked each time."""
        self._tasks.append(background(self._kept(key, argv, lead), f"tunnel {self.name}"))

    async def _kept(self, key: str, argv: Callable[[], Sequence[str]], lead: Callable[[bytes], object]) -> None:
        pause, loop = AGAIN_FIRST, asyncio.get_running_loop()
        while True:
            began = loop.time()
            child = Child(argv(), lead)
            try:
                code = await child.run()
                last = child.said[-1] if child.said else f"ended with {code}"
            except Unavailable as error:
                last = error.message
            self._problems[key] = f"{self.name}: {last}"
            pause = AGAIN_FIRST if loop.time() - began > AGAIN_MOST else min(AGAIN_MOST, pause * 2)
            await asyncio.sleep(pause)

    async def stands(self, key: str, address: Callable[[], str], until: float) -> None:
        """Wait until the port is open; raises ``Unavailable`` with what the child said. ``until`` is loop time."""
        loop = asyncio.get_running_loop()
        while True:
            if place := address():
                host, _, port = place.rpartition(":")
                try:
                    _, writer = await asyncio.open_connection(host, int(port))
                    writer.transport.abort()
                except OSError:
                    pass
                else:
                    self._problems.pop(key, None)
                    return
            if (problem := self._problems.get(key)) or loop.time() > until:
                raise Unavailable(problem or f"{self.name}: no port was opened in time", code="UNAVAILABLE")
            await asyncio.sleep(LOOK_AGAIN)

    def heard(self) -> None:
        """Somebody answered through it: what was said before is over."""
        self._problems.clear()

    async def aclose(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def lead(profile: Profile) -> tuple[Profile, Tunnel | None]:
    """The profile with the ends of its tunnel, and the tunnel, which whoever asked closes; as it is without one.

    Raises ``Unavailable`` with the words of the program that did not come up, ``ConfigError`` for what it cannot do.
    """
    if profile.kubernetes.is_given:
        return await _by_kubectl(profile)
    if profile.ssh:
        return await _by_ssh(profile)
    return profile, None


@asynccontextmanager
async def led(profile: Profile) -> AsyncGenerator[Profile, None]:
    """The profile with a tunnel for the length of the block."""
    changed, tunnel = await lead(profile)
    try:
        yield changed
    finally:
        if tunnel is not None:
            await tunnel.aclose()


def _until(profile: Profile) -> float:
    return asyncio.get_running_loop().time() + max(STARTING, 4 * profile.dial_timeout)


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- ssh -------------------------------------------------------------------------------------------------


async def _by_ssh(profile: Profile) -> tuple[Profile, Tunnel]:
    options = ClientOptions(endpoints=profile.endpoints)
    name = profile.ssh[-1]
    if name.startswith("-"):
        raise ConfigError("ssh: the last word is the host, and a host does not begin with -")
    tunnel = Tunnel(f"ssh {safe_text(name, limit=80).text}")
    forwards: list[str] = []
    for text in options.endpoints:
        address = address_of(options, text)
        if text.startswith("unix"):
            raise ConfigError(f"ssh: a socket is not reached through it: {text}")
        tunnel.through[address] = place = f"127.0.0.1:{free_port()}"
        forwards += ["-L", f"{place}:{address}"]
    argv = ("ssh", *SSH_OPTIONS, *forwards, *profile.ssh)
    tunnel.keep("ssh", lambda: argv, lambda _: None)
    try:
        for place in tunnel.through.values():
            await tunnel.stands("ssh", lambda place=place: place, _until(profile))  # type: ignore[misc]  # its default
    except BaseException as error:
        await tunnel.aclose()
        if isinstance(error, Unavailable):
            raise _with_fix(error, name) from None
        raise
    return replace(profile, through=dict(tunnel.through)), tunnel


def _with_fix(error: Unavailable, name: str) -> Unavailable:
    lowered = error.message.lower()
    fix = next((todo for part, todo in FIXES if part in lowered), "")
    if not fix:
        return error
    shown = safe_text(fix.format(name=name), limit=200).text
    return Unavailable(f"{error.message}. {shown}", code=error.code, endpoint=error.endpoint)


# --- kubectl ---------------------------------------------------------------------------------------------


async def _by_kubectl(profile: Profile) -> tuple[Profile, Tunnel]:
    wanted = profile.kubernetes
    base = ["kubectl"]
    for flag, value in (("--context", wanted.context), ("--namespace", wanted.namespace)):
        base += [flag, value] if value else []
    pods = [f"pod/{wanted.pod}"] if wanted.pod else await _pods(base, wanted.selector, profile)
    tunnel = Tunnel(f"kubectl port-forward{f' ({wanted.context})' if wanted.context else ''}")
    scheme = "https" if profile.tls.has_files or profile.tls.insecure_skip_verify else "http"
    endpoints: list[str] = []
    ends: dict[str, str] = {}
    for pod in pods[:MAX_PODS]:
        name = pod.rpartition("/")[2]
        address = f"{name}:{wanted.port}"
        endpoints.append(f"{scheme}://{address}")
        _forward(tunnel, base, pod, address, wanted.port, ends)
    try:
        until = _until(profile)
        for endpoint in endpoints:
            address = endpoint.partition("://")[2]
            await tunnel.stands(address, lambda address=address: ends.get(address, ""), until)  # type: ignore[misc]
    except BaseException:
        await tunnel.aclose()
        raise
    tunnel.through |= ends
    tls = profile.tls
    if scheme == "https" and not tls.server_name:
        tls = replace(tls, server_name="localhost")  # no certificate names a pod
    changed = replace(profile, endpoints=tuple(endpoints), through=dict(ends), tls=tls)
    return changed, tunnel


def _forward(tunnel: Tunnel, base: Sequence[str], pod: str, address: str, port: int, ends: dict[str, str]) -> None:
    """One member's port: kubectl chooses it the first time, and has the same one from then on."""

    def argv() -> Sequence[str]:
        mine = ends.get(address, "").rpartition(":")[2]
        return [*base, "port-forward", "--address", "127.0.0.1", pod, f"{mine}:{port}"]

    def heard(line: bytes) -> None:
        if found := FORWARDING.search(line):
            ends[address] = f"127.0.0.1:{int(found[1])}"

    tunnel.keep(address, argv, heard)


async def _pods(base: Sequence[str], selector: str, profile: Profile) -> list[str]:
    argv = [*base, "get", "pods", "--selector", selector, "--field-selector", "status.phase=Running", "-o", "name"]
    lines: list[bytes] = []
    child = Child(argv, lines.append)
    try:
        async with asyncio.timeout(max(STARTING, 4 * profile.dial_timeout)):
            code = await child.run()
    except TimeoutError:
        raise Unavailable(f"kubectl did not name the pods in time: {shlex.join(argv)}") from None
    names = [line.strip().decode("utf-8", "replace") for line in lines if line.startswith(b"pod/")]
    if code or not names:
        said = child.said[-1] if child.said else f"no pod runs with {selector}"
        raise Unavailable(f"kubectl get pods: {safe_text(said, limit=LINE).text}")
    return sorted(names)
