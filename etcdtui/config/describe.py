"""The configuration in words, for the flags that print it; secrets are never in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any

import yaml

from etcdtui.config.schema import Auth, Config, Kind, Profile
from etcdtui.config.secrets import Secret
from etcdtui.config.units import format_duration
from etcdtui.core.safe_text import safe_text

MUST_NAME = (Kind.COMMAND, Kind.ENDPOINTS)


def mode(profile: Profile) -> str:
    return "read-only" if profile.read_only else "writes"


def profile_lines(config: Config) -> list[str]:
    """One line for each profile, usable, found or broken."""
    rows = [("NAME", "ENV", "ENDPOINTS", "USER", "MODE")]
    for profile in (*config.profiles, *config.found):
        name = profile.name + ("" if profile in config.profiles else " (found)")
        user = profile.auth.user or ("cert" if profile.tls.cert else "-")
        rows.append((name, profile.environment or "-", short_endpoints(profile), user, mode(profile)))
    clean = [tuple(safe_text(cell, limit=60).text for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in clean) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in clean]
    for broken in config.broken:
        lines.append(f"{safe_text(broken.name, limit=60).text}  BROKEN")
        lines.extend(f"  {problem}" for problem in broken.problems)
    return lines


def short_endpoints(profile: Profile) -> str:
    """The first endpoint and how many more."""
    if not profile.endpoints and profile.kubernetes.is_given:
        return f"pods:{profile.kubernetes.pod or profile.kubernetes.selector}"
    if not profile.endpoints:
        return f"srv:{profile.discovery_srv}"
    more = f" +{len(profile.endpoints) - 1}" if len(profile.endpoints) > 1 else ""
    return profile.endpoints[0] + more + (" TLS" if profile.is_tls else "")


def login_words(auth: Auth) -> str:
    """Who logs in and where the password comes from."""
    if auth.jwt_token is not None or auth.jwt_token_file:
        return "a JWT" + (f" from {auth.jwt_token_file}" if auth.jwt_token_file else "")
    if not auth.user:
        return "nobody (no user named)"
    for name in ("password_env", "password_file", "password_command", "keyring"):
        if getattr(auth, name):
            return f"{auth.user}, password from {name}"
    return f"{auth.user}, password {'given' if auth.password is not None else 'asked for when connecting'}"


def config_text(config: Config) -> str:
    """The configuration as it is understood, defaults and presets filled in, as YAML."""
    data: dict[str, object] = {
        "version": config.version,
        "defaults": _section(config.defaults),
        "environments": {name: _section(env) for name, env in config.environments.items()},
        "profiles": {profile.name: _section(profile) for profile in config.profiles},
        "include": list(config.include),
        "keymap": dict(config.keymap),
    }
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=False, width=110)


def _section(value: object) -> dict[str, object]:
    assert is_dataclass(value)
    keys = {f.name: (f, getattr(value, f.name)) for f in fields(value) if "kind" in f.metadata}
    return {name: _plain(described, found) for name, (described, found) in keys.items() if not _unset(described, found)}


def _unset(described: Field[Any], value: object) -> bool:
    """True for what is not given; an empty list of patterns is something given."""
    kind: Kind = described.metadata["kind"]
    return (value is None and kind is not Kind.AUTO_TEXTS) or value == "" or (value == () and kind in MUST_NAME)


def _plain(described: Field[Any], value: object) -> object:
    kind: Kind = described.metadata["kind"]
    if isinstance(value, Secret):
        return str(value)
    if kind is Kind.COMMAND and isinstance(value, tuple):
        return [*value[:1], *("********" for _ in value[1:])]
    if kind is Kind.DURATION and isinstance(value, float):
        return format_duration(value)
    if kind is Kind.AUTO_TEXTS and value is None:
        return "auto"
    if kind is Kind.SECTION:
        return _section(value)
    if kind is Kind.SECTIONS and isinstance(value, tuple):
        return [_section(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
