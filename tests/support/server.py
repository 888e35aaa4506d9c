"""A running etcd as tests see it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.request import Request, urlopen

from etcdtui.demo.binary import Binary, Version
from etcdtui.demo.cluster import Cluster, Member, ServerTls
from tests.support.versions import default_binary

CALL_TIMEOUT = 10.0
CTL_TIMEOUT = 30.0

Json = dict[str, Any]


class Server:
    """One cluster of any size, with two ways to it that do not depend on our client: etcdctl and the JSON gateway."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @property
    def members(self) -> list[Member]:
        return self.cluster.members

    @property
    def endpoint(self) -> str:
        return self.members[0].endpoint

    @property
    def endpoints(self) -> tuple[str, ...]:
        return self.cluster.endpoints

    @property
    def url(self) -> str:
        return self.members[0].client_url

    @property
    def version(self) -> Version:
        return self.cluster.binary.version

    def etcdctl_run(
        self, *args: str | bytes, env: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the etcdctl of the same version against all members; never raises for its exit code."""
        ctl = self.cluster.binary.etcdctl
        assert ctl is not None, "no etcdctl beside this etcd"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("ETCDCTL_")}
        default = {"ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": ",".join(self.cluster.client_urls)}
        return subprocess.run(
            [ctl, *args], env={**clean, **default, **(env or {})}, input=stdin, capture_output=True, timeout=CTL_TIMEOUT
        )

    def etcdctl(self, *args: str | bytes, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
        """Run etcdctl and return what it printed; fails with its words when it fails."""
        done = self.etcdctl_run(*args, env=env, stdin=stdin)
        assert done.returncode == 0, f"etcdctl {args!r} failed: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode(errors="replace")

    async def call(self, path: str, member: Member | None = None, **fields: object) -> Json:
        """One call of the JSON gateway, such as ``kv/put``; ``bytes`` are sent as base64. Plain text servers only."""
        return await asyncio.to_thread(self.call_sync, path, member, **fields)

    def call_sync(self, path: str, member: Member | None = None, **fields: object) -> Json:
        body = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in fields.items()}
        url = f"{(member or self.members[0]).client_url}/v3/{path}"
        request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=CALL_TIMEOUT) as got:
            answer = json.loads(got.read())
        assert isinstance(answer, dict)
        return answer

    async def put(self, key: str | bytes, value: str | bytes, *, lease: int = 0) -> int:
        """Put behind the back of the client under test; returns the revision."""
        answer = await self.call("kv/put", key=_bytes(key), value=_bytes(value), lease=lease)
        return int(answer["header"]["revision"])

    async def get(self, key: str | bytes) -> bytes | None:
        """The value now; ``None`` when there is no such key."""
        kvs = (await self.call("kv/range", key=_bytes(key))).get("kvs")
        return base64.b64decode(kvs[0].get("value", "")) if kvs else None

    async def delete(self, key: str | bytes) -> None:
        await self.call("kv/deleterange", key=_bytes(key))

    async def leader(self) -> Member:
        """The member that leads, as the first running member sees it."""
        running = next(m for m in self.members if m.running)
        leader_id = (await self.call("maintenance/status", running))["leader"]
        for member in self.members:
            if member.running:
                status = await self.call("maintenance/status", member)
                if status["header"]["member_id"] == leader_id:
                    return member
        raise AssertionError(f"the leader {leader_id} is not among the running members")

    def clear(self) -> None:
        """Remove all keys, leases, users, roles and alarms; a plain text server without auth only."""
        self.call_sync("kv/deleterange", key=b"\0", range_end=b"\0")
        for lease in self.call_sync("lease/leases").get("leases", []):
            self.call_sync("lease/revoke", ID=lease["ID"])
        for name in self.call_sync("auth/user/list").get("users", []):
            self.call_sync("auth/user/delete", name=name)
        for name in self.call_sync("auth/role/list").get("roles", []):
            self.call_sync("auth/role/delete", role=name)
        for alarm in self.call_sync("maintenance/alarm").get("alarms", []):
            self.call_sync("maintenance/alarm", action="DEACTIVATE", **alarm)

    def heal(self) -> None:
        """Make every member run again."""
        asyncio.run(self._heal())

    async def _heal(self) -> None:
        down = [m for m in self.members if not m.running]
        for member in self.members:
            if member not in down:
                member.resume()
        await asyncio.gather(*(m.start() if m in down else m.wait_healthy() for m in self.members))


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


@contextlib.contextmanager
def running_server(
    size: int = 1, *, binary: Binary | None = None, flags: Sequence[str] = (), tls: ServerTls | None = None
) -> Iterator[Server]:
    """A server for as long as the block lasts; for sync fixtures and tests (async ones take ``etcd_server``)."""
    cluster = Cluster(size, binary=binary or default_binary(), flags=flags, tls=tls)
    asyncio.run(cluster.start())
    try:
        yield Server(cluster)
    finally:
        cluster.close()
