"""Decides which profile a start means: flag over profile over variable over default, and says where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from etcdtui.config.environ import LOGIN, apply_settings, given_in, unknown_in, unknown_notice, variable
from etcdtui.config.profile import LOCAL, implicit, settle
from etcdtui.config.report import nearest, shown
from etcdtui.config.schema import PRESETS, Config, Profile
from etcdtui.core.value import Value

ENV = "env"


class ChoiceRefused(Exception):
    """The profile that was asked for cannot be used; the message has one line for each reason."""


class Choice(Value):
    """``profile`` is ``None`` when the user should pick one; ``provenance`` pairs a setting with its source."""

    profile: Profile | None
    provenance: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()


def choose(config: Config, name: str, flags: Mapping[str, str], environ: Mapping[str, str]) -> Choice:
    """``name`` is what ``--profile`` said, empty when nothing; ``flags`` are settings by etcdctl's names.

    Raises ``ChoiceRefused`` and ``environ.SettingRefused``.
    """
    variables = given_in(environ)
    unknown = unknown_notice(unknown_in(environ))
    notices = [unknown] if unknown else []
    if name and name != ENV:
        if variables:
            listed = ", ".join(variable(setting) for setting in variables)
            notices.append(f"ignored, because profile {shown(name)} was named: {listed}")
        return _with_flags(config, _named(config, name, environ), flags, notices)
    if not name and not flags and (config.profiles or config.broken):
        only = len(config.profiles) == 1 and not config.broken and not config.found
        return _with_flags(config, config.profiles[0], {}, notices) if only else Choice(None, (), tuple(notices))
    if not name and not flags and not variables and config.found:
        return Choice(None, (), tuple(notices))
    in_file = config.profile(ENV) if name == ENV else None
    if in_file is not None and in_file in config.profiles:
        return _with_flags(config, in_file, flags, notices)
    return _implicit(config, ENV if name or variables else LOCAL, flags, environ, notices)


def _named(config: Config, name: str, environ: Mapping[str, str]) -> Profile:
    profile = config.profile(name)
    if profile is not None:
        return profile
    broken = next((b for b in config.broken if b.name == name), None)
    if broken is not None:
        reasons = "\n".join(f"  {problem}" for problem in broken.problems)
        raise ChoiceRefused(f"profile {shown(name)} cannot be used:\n{reasons}")
    if name in PRESETS or name == LOCAL:
        return implicit(name, config.defaults, config.environments, environ)
    known = [p.name for p in (*config.profiles, *config.found)]
    raise ChoiceRefused(f"there is no profile {shown(name)!r}{nearest(name, known)}")


def _implicit(
    config: Config, name: str, flags: Mapping[str, str], environ: Mapping[str, str], notices: list[str]
) -> Choice:
    """The variables and flags of etcdctl, together as etcdctl reads them, a flag winning over its variable."""
    base = implicit(LOCAL, config.defaults, config.environments, environ)
    variables = given_in(environ) if name == ENV else {}
    both = sorted(set(variables) & set(flags))
    notices.extend(f"--{setting} wins over {variable(setting)}" for setting in both)
    rest = {setting: text for setting, text in variables.items() if setting not in flags}
    if "endpoints" in flags:
        rest.pop("discovery-srv", None)
    profile = apply_settings(base, {k: v for k, v in rest.items() if k not in LOGIN}, prefix="")
    profile = apply_settings(profile, {**{k: v for k, v in rest.items() if k in LOGIN}, **flags})
    profile = settle(replace(profile, name=name), config.environments, stated=None)
    provenance = [(setting, variable(setting)) for setting in rest] + [(setting, f"--{setting}") for setting in flags]
    return Choice(profile, tuple(provenance), tuple(notices))


def _with_flags(config: Config, profile: Profile, flags: Mapping[str, str], notices: list[str]) -> Choice:
    """A profile with flags on top; other endpoints can lock it, never unlock it."""
    changed = apply_settings(profile, flags)
    if changed.endpoints != profile.endpoints or changed.discovery_srv != profile.discovery_srv:
        notices.append(f"profile {shown(profile.name)} is used with other endpoints: those of the command line")
        settled = settle(changed, config.environments, stated=None)
        changed = replace(settled, read_only=profile.read_only or settled.read_only, where="")
    source = profile.where or f"preset {profile.preset}"
    provenance = [("profile", source), *((setting, f"--{setting}") for setting in flags)]
    return Choice(changed, tuple(provenance), tuple(notices))
