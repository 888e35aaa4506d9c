"""The settings etcdctl knows, under etcdctl's names, as flags and as ``ETCDCTL_*`` variables.

``--dial-timeout`` is ``ETCDCTL_DIAL_TIMEOUT``; text is read alike from both. A variable never changes a profile that
was named: only the implicit ``env`` profile reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from etcdtui.config.endpoints import endpoint_problem
from etcdtui.config.schema import DEFAULT_ENDPOINT, Auth, Profile
from etcdtui.config.secrets import Secret
from etcdtui.config.units import parse_duration, parse_size
from etcdtui.core.safe_text import safe_text

PREFIX = "ETCDCTL_"
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
MEANINGLESS = ("api", "write-out", "hex", "debug", "watch-key", "watch-range-end")
"""Names etcdctl knows that change nothing in a profile."""

Apply = Callable[[Profile, str], Profile]


class SettingRefused(Exception):
    """A flag or variable that cannot be used; the message names it and quotes no secret."""


def _endpoints(profile: Profile, text: str) -> Profile:
    found = tuple(part.strip() for part in text.split(","))
    problems = [problem for part in found if (problem := endpoint_problem(part))]
    if problems:
        raise ValueError("; ".join(safe_text(problem, limit=200).text for problem in problems[:10]))
    return replace(profile, endpoints=found, discovery_srv="")


def _set(name: str, parse: Callable[[str], object]) -> Apply:
    def apply(profile: Profile, text: str) -> Profile:
        change: dict[str, Any] = {name: parse(text)}
        return replace(profile, **change)

    return apply


def _set_tls(name: str, parse: Callable[[str], object]) -> Apply:
    def apply(profile: Profile, text: str) -> Profile:
        change: dict[str, Any] = {name: parse(text)}
        return replace(profile, tls=replace(profile.tls, **change))

    return apply


def _set_size(name: str) -> Apply:
    def apply(profile: Profile, text: str) -> Profile:
        change: dict[str, Any] = {name: parse_size(text)}
        return replace(profile, **change) if change[name] else profile

    return apply


def _file(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("a file name is wanted")
    return str(Path(text).absolute())


def _bool(text: str) -> bool:
    if text not in TRUE | FALSE:
        raise ValueError("must be true or false")
    return text in TRUE


def _discovery(profile: Profile, text: str) -> Profile:
    if not text or not text.isprintable() or " " in text:
        raise ValueError("a domain name is wanted")
    return replace(profile, discovery_srv=text)


SETTINGS: Mapping[str, Apply] = {
    "endpoints": _endpoints,
    "discovery-srv": _discovery,
    "discovery-srv-name": _set("discovery_srv_name", str),
    "insecure-discovery": _set("insecure_discovery", _bool),
    "cacert": _set_tls("cacert", _file),
    "cert": _set_tls("cert", _file),
    "key": _set_tls("key", _file),
    "insecure-skip-tls-verify": _set_tls("insecure_skip_verify", _bool),
    "insecure-transport": _set("insecure_transport", _bool),
    "dial-timeout": _set("dial_timeout", parse_duration),
    "command-timeout": _set("command_timeout", parse_duration),
    "keepalive-time": _set("keepalive_time", parse_duration),
    "keepalive-timeout": _set("keepalive_timeout", parse_duration),
    "max-request-bytes": _set_size("max_request_bytes"),
    "max-recv-bytes": _set_size("max_recv_bytes"),
}
LOGIN = ("user", "password", "auth-jwt-token")
NAMES = (*SETTINGS, *LOGIN)
SWITCHES = ("insecure-transport", "insecure-skip-tls-verify", "insecure-discovery")


def apply_settings(profile: Profile, given: Mapping[str, str], *, prefix: str = "--") -> Profile:
    """``profile`` with settings, named as etcdctl's flags, applied. Raises ``SettingRefused`` for the first bad one."""
    for name, apply in SETTINGS.items():
        if name not in given:
            continue
        try:
            profile = apply(profile, given[name])
        except ValueError as error:
            shown = f"--{name}" if prefix == "--" else variable(name)
            raise SettingRefused(f"{shown}: {error}") from None
    if "discovery-srv" in given and "endpoints" not in given:
        profile = replace(profile, endpoints=())
    return replace(profile, auth=_login(profile.auth, given))


def _login(auth: Auth, given: Mapping[str, str]) -> Auth:
    """A token wins over a user; ``user`` is split at its first colon unless the password is given apart."""
    token, user, password = (given.get(name) for name in ("auth-jwt-token", "user", "password"))
    if token:
        return Auth(jwt_token=Secret(token))
    if user is None and password is None:
        return auth
    if user is not None and password is None:
        user, _, password = user.partition(":")
    return Auth(user=auth.user if user is None else user, password=Secret(password) if password else None)


def variable(name: str) -> str:
    """The variable of a flag."""
    return PREFIX + name.upper().replace("-", "_")


def given_in(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings present, not empty, in the environment."""
    return {name: environ[variable(name)] for name in NAMES if environ.get(variable(name))}


def unknown_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """``ETCDCTL_*`` variables that etcdctl does not know."""
    known = {variable(name) for name in (*NAMES, *MEANINGLESS)}
    return tuple(sorted(name for name in environ if name.startswith(PREFIX) and name not in known))


def env_profile(base: Profile, environ: Mapping[str, str]) -> Profile:
    """``base`` as etcdctl's variables describe it. Raises ``SettingRefused``."""
    profile = apply_settings(base, given_in(environ), prefix=PREFIX)
    if not profile.endpoints and not profile.discovery_srv:
        profile = replace(profile, endpoints=(DEFAULT_ENDPOINT,))
    return profile


def unknown_notice(names: Iterable[str]) -> str:
    """A sentence about variables nobody reads, or an empty string."""
    listed = ", ".join(safe_text(name, limit=60).text for name in names)
    return f"unknown variables are ignored: {listed}" if listed else ""
