"""The program as it is, with one action that fails: ``python -m tests.ui.life_app ENDPOINT [MODE]`` on a terminal."""

from __future__ import annotations

import asyncio
import os
import sys

from etcdtui.config.launch import Launch
from etcdtui.config.schema import ENVIRONMENTS, Auth, Config, Profile
from etcdtui.config.secrets import Secret
from etcdtui.services.session.session import Session
from etcdtui.ui.run import run_app
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.spawn import spawn

PLANTED = "planted-s3cret"


def crash_in_action(self: KeysScreen) -> None:
    password = PLANTED
    raise KeyError(f"nothing at {len(password)}")


async def _fail_later() -> None:
    token = PLANTED
    raise ZeroDivisionError(len(token))


def crash_in_task(self: KeysScreen) -> None:
    asyncio.get_running_loop().create_task(_fail_later())


def crash_in_worker(self: KeysScreen) -> None:
    spawn(self, _fail_later, "planted")


def native_noise(self: KeysScreen) -> None:
    os.write(2, b"E0000 native library complains\n")


async def crash_while_connecting(profile: Profile, overrides: object) -> Session:
    raise RuntimeError(f"sent {PLANTED} to nobody")


MODES = {"action": crash_in_action, "task": crash_in_task, "worker": crash_in_worker, "noise": native_noise}


def main(endpoints: str, mode: str) -> int:
    if mode == "connecting":
        setattr(Session, "open", crash_while_connecting)  # noqa: B010 - the method to fail is the test's
    else:
        setattr(KeysScreen, "action_refresh", MODES[mode])  # noqa: B010
    auth = Auth(user="u", password=Secret(PLANTED)) if mode == "connecting" else Auth()
    profile = Profile(
        name="life",
        environment="dev",
        env=ENVIRONMENTS["dev"],
        read_only=False,
        endpoints=tuple(endpoints.split(",")),
        auth=auth,
    )
    return run_app(Launch(config=Config(profiles=(profile,)), profile=profile))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "action"))
