"""The Doctor without a screen: connect, look a few times, report."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from etcdtui.config.schema import Auth, Profile
from etcdtui.core.errors import AuthFailed, ConfigError, EtcdError
from etcdtui.services.cluster.doctor.doctor import Doctor
from etcdtui.services.cluster.doctor.report import Report, failed_report
from etcdtui.services.session.session import Overrides, Session

LOOKS = 4
"""A critical figure must hold for three samples, and figures of now need a scrape before the first of them."""
PAUSE = 1.5
"""Seconds between two looks."""


async def run_doctor(profile: Profile, overrides: Overrides) -> Report:
    """Look at the cluster of a profile and report; a cluster that cannot be reached is reported as not known.

    Raises ``ConfigError`` or ``AuthFailed`` for a profile that cannot work. A login needs a majority; without one the
    members are looked at without a user, because that is when somebody wants to know.
    """
    started = time.time()
    try:
        session = await Session.open(profile, overrides)
    except (ConfigError, AuthFailed):
        raise
    except EtcdError as error:
        if not (profile.auth.user or profile.auth.jwt_token_file):
            return failed_report(str(error), started, profile.name)
        try:
            session = await Session.open(replace(profile, auth=Auth()), overrides)
        except EtcdError:
            return failed_report(str(error), started, profile.name)
    try:
        return await _looked(session.doctor, session, started)
    finally:
        await session.aclose()


async def _looked(doctor: Doctor, session: Session, started: float) -> Report:
    report = await doctor.look(fresh=True)
    for _ in range(LOOKS - 1):
        await asyncio.sleep(PAUSE)
        await session.monitor.poll()
        report = await doctor.look(fresh=True)
    return replace(report, took=time.time() - started)
