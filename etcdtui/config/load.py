"""Finds the configuration and the installations of etcd on this host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from etcdtui import config as parts
from etcdtui.config.environ import SettingRefused, given_in
from etcdtui.config.folders import config_path
from etcdtui.config.presets import installed_here, unreadable_notice
from etcdtui.config.profile import implicit
from etcdtui.config.schema import Config, Profile


def load(
    environ: Mapping[str, str] = os.environ,
    *,
    path: Path | None = None,
    root: Path = Path("/"),
) -> Config:
    """Read the configuration at ``path`` or where it is looked for; none there is an empty ``Config``.

    A file that was named and does not exist is a problem. ``root`` is where installations on this host are looked for.
    """
    named = path is not None or bool(environ.get("ETCDTUI_CONFIG"))
    file = (path or config_path(environ)).absolute()
    config = Config()
    if named or _is_there(file):  # YAML and all that checks: not needed without a file
        config = parts.loader.read_config(file, environ, required=named)
    found, notices = _found(config, environ, root)
    return replace(config, found=found, notices=(*config.notices, *notices))


def _is_there(file: Path) -> bool:
    """True as well where one cannot tell: then reading it says why."""
    try:
        file.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _found(config: Config, environ: Mapping[str, str], root: Path) -> tuple[tuple[Profile, ...], list[str]]:
    """Installations seen on this host, and the variables of etcdctl, that no profile covers, with notices."""
    used = {p.preset for p in config.profiles} | {p.name for p in config.profiles}
    presets = [*installed_here(root), *(["env"] if given_in(environ) else [])]
    found, notices = [], []
    for preset in presets:
        if preset in used:
            continue
        try:
            profile = implicit(preset, config.defaults, config.environments, environ)
        except SettingRefused as error:
            notices.append(str(error))
            continue
        notice = unreadable_notice(profile)
        found.append(replace(profile, notices=(notice,) if notice else ()))
    return tuple(found), notices
