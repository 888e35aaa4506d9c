"""``etcdtui demo``: a throw-away cluster with living sample data, and the UI on it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

from etcdtui.config.launch import Launch
from etcdtui.config.schema import ENVIRONMENTS, Profile
from etcdtui.demo import writer
from etcdtui.demo.binary import NoEtcd, find_binary
from etcdtui.demo.cluster import Cluster, ClusterError
from etcdtui.demo.process import ProcessError

PROFILE = "demo"
ENVIRONMENT = "dev"
MEMBER_NAMES = "demo-"
DEFAULT_MEMBERS = 3
MAX_MEMBERS = 7
WRITER = "writer"
MARK = "filled"
FILL_TIMEOUT = 60.0
POLL = 0.02
INTERRUPTED = 130


def profile_of(cluster: Cluster) -> Profile:
    """The profile that opens the demo cluster: environment dev, WRITES ON."""
    return Profile(
        name=PROFILE,
        environment=ENVIRONMENT,
        env=ENVIRONMENTS[ENVIRONMENT],
        read_only=False,
        description="throw-away cluster with sample data",
        endpoints=cluster.endpoints,
        locks=("/locks/*", "/elections/*", "/service/*/leader"),
    )


def start_writer(cluster: Cluster) -> None:
    """Start the process that fills the cluster and keeps it alive; it waits for the members by itself."""
    argv = [sys.executable, "-m", writer.__name__, ",".join(cluster.endpoints), str(cluster.folder / MARK)]
    cluster.keeper.start(WRITER, argv)


async def prepare(cluster: Cluster) -> None:
    """Start everything and wait until the sample data is there; raises ``ClusterError`` and leaves nothing."""
    await cluster.start(beside=start_writer)
    inhabitants = cluster.keeper.process(WRITER)
    deadline = asyncio.get_running_loop().time() + FILL_TIMEOUT
    while not (cluster.folder / MARK).exists():
        if not inhabitants.running or asyncio.get_running_loop().time() > deadline:
            words = inhabitants.log_tail().strip().splitlines() or ["no answer"]
            raise ClusterError(f"the sample data could not be written: {words[-1]}")
        await asyncio.sleep(POLL)


def run(launch: Launch, open_ui: Callable[[Launch], int], members: int = DEFAULT_MEMBERS) -> int:
    """Run the demo until the UI ends; returns its exit code. Afterwards no process and no folder is left.

    ``launch`` is what the command line says; ``open_ui`` gets it with the profile ``demo`` chosen.
    """
    if not 1 <= members <= MAX_MEMBERS:
        return _say(f"--members takes 1 to {MAX_MEMBERS}, not {members}", 2)
    try:
        binary = find_binary()
        cluster = Cluster(members, binary=binary, names=MEMBER_NAMES)
    except (NoEtcd, ProcessError) as failure:
        return _say(str(failure), 1)
    try:
        _say(f"starting etcd {binary.version_text}, members: {members}, in {cluster.folder} (removed at the end)")
        asyncio.run(prepare(cluster))
        profile = profile_of(cluster)
        config = replace(launch.config, profiles=(*launch.config.profiles, profile))
        return open_ui(replace(launch, config=config, profile=profile))
    except ClusterError as failure:
        return _say(str(failure), 1)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        cluster.close()


def _say(text: str, code: int = 0) -> int:
    print(f"etcdtui demo: {text}", file=sys.stderr, flush=True)
    return code
