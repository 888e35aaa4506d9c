"""``etcdtui demo``: a throw-away cluster with living sample data, and the UI on it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

from etcdtui.config.launch import Launch
from etcdtui.config.schema import ENVIRONMENTS, Common, Defaults, Profile
from etcdtui.demo.binary import NoEtcd, find_binary
from etcdtui.demo.cluster import Cluster, ClusterError
from etcdtui.demo.process import ProcessError

PROFILE = "demo"
ENVIRONMENT = "dev"
MEMBER_NAMES = "demo-"
DEFAULT_MEMBERS = 3
WRITER = "writer"
WRITER_MODULE = "etcdtui.demo.writer"
MARK = "filled"
FILL_TIMEOUT = 60.0
POLL = 0.02
INTERRUPTED = 130
FIRST_PLACE = "/config/app/release.json"
TIP = "try: e edits this key, H older versions, w watches; ctrl+p finds all, ? helps"
"""What a new user reads first.

The place has a value that is easily understood, and a history.
"""

OpenUi = Callable[[Launch], int]


def profile_of(cluster: Cluster, defaults: Defaults) -> Profile:
    """The profile that opens the demo cluster: the user's defaults, environment dev, WRITES ON."""
    common = {name: getattr(defaults, name) for name in Common.__dataclass_fields__}
    return Profile(
        **common,
        name=PROFILE,
        environment=ENVIRONMENT,
        env=ENVIRONMENTS[ENVIRONMENT],
        read_only=False,
        description="throw-away cluster with sample data",
        endpoints=cluster.endpoints,
    )


def start_writer(cluster: Cluster) -> None:
    """Start the process that fills the cluster and keeps it alive; it waits for the members by itself."""
    argv = [sys.executable, "-m", WRITER_MODULE, ",".join(cluster.endpoints), str(cluster.folder / MARK)]
    cluster.keeper.start(WRITER, argv)


async def prepare(cluster: Cluster, load_ui: Callable[[], OpenUi]) -> OpenUi:
    """Start everything, load the UI meanwhile, and wait until the sample data is there; raises ``ClusterError``."""
    loaded: list[OpenUi] = []

    def meanwhile(started: Cluster) -> None:
        start_writer(started)
        loaded.append(load_ui())

    await cluster.start(beside=meanwhile)
    inhabitants = cluster.keeper.process(WRITER)
    deadline = asyncio.get_running_loop().time() + FILL_TIMEOUT
    while not (cluster.folder / MARK).exists():
        if not inhabitants.running or asyncio.get_running_loop().time() > deadline:
            words = inhabitants.log_tail().strip().splitlines() or ["no answer"]
            raise ClusterError(f"the sample data could not be written: {words[-1]}")
        await asyncio.sleep(POLL)
    return loaded[-1]


def run(launch: Launch, load_ui: Callable[[], OpenUi], members: int = DEFAULT_MEMBERS) -> int:
    """Run the demo until the UI ends; returns its exit code. Afterwards no process and no folder is left.

    ``launch`` is what the command line says; what ``load_ui`` returns gets it with the profile ``demo`` chosen.
    Loading waits until the members are on their way, so that both take no longer than one.
    """
    try:
        binary = find_binary()
        cluster = Cluster(members, binary=binary, names=MEMBER_NAMES)
    except (NoEtcd, ProcessError) as failure:
        return _say(str(failure), 1)
    try:
        _say(f"starting etcd {binary.version_text}, members: {members}, in {cluster.folder} (removed at the end)")
        open_ui = asyncio.run(prepare(cluster, load_ui))
        profile = profile_of(cluster, launch.config.defaults)
        others = (p for p in launch.config.profiles if p.name != PROFILE)
        config = replace(launch.config, profiles=(*others, profile))
        start = replace(launch, config=config, profile=profile, prefix=launch.prefix or FIRST_PLACE, tip=TIP)
        return open_ui(replace(start, remembers=False))
    except ClusterError as failure:
        return _say(str(failure), 1)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        cluster.close()


def _say(text: str, code: int = 0) -> int:
    print(f"etcdtui demo: {text}", file=sys.stderr, flush=True)
    return code
