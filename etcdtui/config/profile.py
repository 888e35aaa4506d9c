"""What makes a profile whole: its environment, its write lock, and checks across its keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from etcdtui.config.endpoints import endpoint_problem, is_loopback
from etcdtui.config.files import private_key_problem
from etcdtui.config.nodes import Node, Scalar, Section
from etcdtui.config.presets import apply_preset
from etcdtui.config.report import Report
from etcdtui.config.schema import DEFAULT_ENDPOINT, Common, Defaults, Environment, Profile
from etcdtui.config.secrets import hide_from_children
from etcdtui.core import keynames

LOCAL = "local"
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
Lines = Callable[[str], int]


def implicit(
    preset: str, defaults: Defaults, environments: Mapping[str, Environment], environ: Mapping[str, str]
) -> Profile:
    """A profile no file describes: of a preset, or ``local`` at etcd's usual port.

    The preset ``env`` may raise ``environ.SettingRefused``.
    """
    common = {name: getattr(defaults, name) for name in Common.__dataclass_fields__}
    profile = Profile(name=preset, **common)
    if preset == LOCAL:
        return settle(replace(profile, endpoints=(DEFAULT_ENDPOINT,)), environments, stated=None)
    return settle(apply_preset(profile, preset, environ), environments, stated=None)


def settle(profile: Profile, environments: Mapping[str, Environment], *, stated: bool | None) -> Profile:
    """``profile`` with ``env`` and ``read_only`` decided; ``stated`` is what the file says of ``read_only``.

    Without an environment it starts locked unless every endpoint is this machine.
    """
    if profile.environment in environments:
        env = environments[profile.environment]
    else:
        local = bool(profile.endpoints) and all(is_loopback(endpoint) for endpoint in profile.endpoints)
        env = Environment(read_only=not local)
    return replace(profile, env=env, read_only=env.read_only if stated is None else stated)


def finish(profile: Profile, node: Node, environments: Mapping[str, Environment], report: Report, line: int) -> Profile:
    """Decide what depends on several keys, and report what does not fit together."""
    entries = node.entries if isinstance(node, Section) else {}

    def at(name: str) -> int:
        return entries[name].line if name in entries else line

    if profile.environment and profile.environment not in environments:
        report.unknown(at("environment"), "environment", profile.environment, environments)
    stated_endpoints = entries.get("endpoints")
    said_nothing = stated_endpoints is None or (isinstance(stated_endpoints, Scalar) and stated_endpoints.is_null)
    other_way = profile.discovery_srv or profile.kubernetes.is_given
    if not profile.endpoints and not other_way and said_nothing:  # what is wrong in a list is told already
        report.add(at("endpoints"), "the profile names no endpoints (or preset, discovery_srv, kubernetes)")
    stated = profile.read_only if "read_only" in entries else None
    settled = settle(profile, environments, stated=stated)
    if stated is False and settled.environment and settled.env.read_only and not settled.override_environment:
        report.add(
            at("read_only"),
            f"read_only: false is less strict than environment {settled.environment};"
            " override_environment: true would allow it",
        )
    if settled.preset and stated is None and settled.preset != "env":
        settled = replace(settled, read_only=True)
    if settled.allow_kubernetes_writes and "protect" not in entries:
        settled = replace(settled, protect=tuple(p for p in settled.protect if p != "/registry/**"))
    if settled.ssh and (settled.ssh[-1].startswith("-") or not settled.ssh[-1]):
        report.add(at("ssh"), "ssh: the last word must be the host")
    if settled.kubernetes.is_given and (settled.endpoints or settled.ssh or settled.discovery_srv):
        report.add(at("kubernetes"), "kubernetes: takes the place of endpoints, discovery_srv and ssh")
    if any(word.startswith("-") for word in (settled.kubernetes.pod, settled.kubernetes.selector)):
        report.add(at("kubernetes"), "kubernetes: a pod or selector does not begin with -")
    _check_auth(settled, report, at("auth"))
    _check_tls(settled, report, at("tls"))
    _check_lists(settled, report, at)
    return settled


def _check_auth(profile: Profile, report: Report, line: int) -> None:
    auth = profile.auth
    for login in (auth, *auth.users):
        given = login.sources
        if len(given) > 1:
            report.add(line, f"auth: only one of {', '.join(given)} can be used")
        if login.password_env and not VARIABLE_NAME.match(login.password_env):
            report.add(line, "auth: password_env must be the name of a variable")
        if given and not login.user:
            report.add(line, f"auth: {given[0]} is given without user")
        if login.password_env:
            hide_from_children(login.password_env)
    names = [login.user for login in auth.all_users]
    if "" in names or len(set(names)) < len(names):
        report.add(line, "auth: users: each needs a user of its own")
    if auth.jwt_token_file and (auth.user or auth.sources):
        report.add(line, "auth: jwt_token_file takes the place of user and password; give one or the other")


def _check_tls(profile: Profile, report: Report, line: int) -> None:
    tls = profile.tls
    if bool(tls.cert) != bool(tls.key):
        report.add(line, f"tls: {'cert' if tls.cert else 'key'} is given without {'key' if tls.cert else 'cert'}")
    if tls.key and (problem := private_key_problem(tls.key, allow_loose=tls.allow_loose_key)):
        report.add(line, problem)


def _check_lists(profile: Profile, report: Report, at: Lines) -> None:
    for rule in profile.decoders:
        if not rule.match or not rule.use:
            report.add(at("decoders"), "decoders: each needs match and use")
        if rule.use == "command" and not rule.run:
            report.add(at("decoders"), "decoders: use: command needs run: [program, argument, ...]")
    for one in profile.families:
        if not one.match or not one.name or not one.family:
            report.add(at("families"), "families: each needs match, name and family")
            continue
        try:
            keynames.check(one.match, one.name)
        except keynames.PatternProblem as refused:
            report.add(at("families"), f"families: {refused}")
    for url, reached in profile.endpoint_map.items():
        if problem := endpoint_problem(url) or endpoint_problem(reached):
            report.add(at("endpoint_map"), f"endpoint_map: {problem}")
