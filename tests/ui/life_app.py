"""The program as it is, with one action that fails: ``python -m tests.ui.life_app ENDPOINT [MODE]`` on a terminal."""

from __future__ import annotations

import asyncio
import os
import sys

from etcdtui.config.launch import Launch
from etcdtui.config.schema import ENVIRONMENTS, Config, Profile
from etcdtui.ui.run import run_app
from etcdtui.ui.screens.keys import KeysScreen

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
    self.run_worker(_fail_later())


def native_noise(self: KeysScreen) -> None:
    os.write(2, b"E0000 native library complains\n")


MODES = {"action": crash_in_action, "task": crash_in_task, "worker": crash_in_worker, "noise": native_noise}


def main(endpoints: str, mode: str) -> int:
    setattr(KeysScreen, "action_refresh", MODES[mode])  # noqa: B010 - the method to fail is the test's
    profile = Profile(
        name="life", environment="dev", env=ENVIRONMENTS["dev"], read_only=False, endpoints=tuple(endpoints.split(","))
    )
    return run_app(Launch(config=Config(profiles=(profile,)), profile=profile))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "action"))
