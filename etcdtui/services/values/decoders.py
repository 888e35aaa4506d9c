"""Decoding with everything that needs more than the standard library: the profile's rules, X.509, YAML, zstd."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from etcdtui.client.descriptors import Descriptors, Reading
from etcdtui.config.schema import DecoderRule
from etcdtui.core.decoding.kubernetes import json_facts, unwrap
from etcdtui.core.decoding.masking import mask_lines
from etcdtui.core.decoding.registry import Decoders
from etcdtui.core.decoding.result import Decoded, Fact, Hooks, Request, View
from etcdtui.core.decoding.text_view import hex_view, text_view
from etcdtui.core.errors import ConfigError
from etcdtui.core.search import KeyGlob
from etcdtui.core.value import Value
from etcdtui.services import values
from etcdtui.services.values.command_decoder import CommandFailedError, run_command
from etcdtui.services.values.kubernetes import is_kubernetes
from etcdtui.services.values.yaml_values import parse_yaml
from etcdtui.services.values.zstd import inflater

INLINE_SIZE = 16 * 1024
"""Bytes up to which a value is decoded at once; larger ones in a thread."""
_PACKAGES = {"": "core", "internal": "apiserverinternal"}
"""Kubernetes packages that are not the first label of their API group."""
_PROVEN = frozenset({"json", "yaml", "toml", "xml", "pem", "jwt", "gzip", "msgpack", "k8s"})
_NAMES = {"msgpack": "messagepack", "k8s": "kubernetes"}


class _Rule(Value):
    glob: KeyGlob
    rule: DecoderRule


class ValueDecoders:
    """Decodes one profile's values. ``mask_fields`` are hidden until revealed."""

    def __init__(self, rules: Iterable[DecoderRule] = (), mask_fields: Iterable[str] = ()) -> None:
        self._rules = [_Rule(KeyGlob(rule.match), rule) for rule in rules]
        self._mask = frozenset(name.lower() for name in mask_fields)
        self._sets: dict[str, Descriptors] = {}
        self._decoders = Decoders(Hooks(self._by_profile, parse_yaml, describe_certificate, inflater()))

    async def decode(self, key: bytes, value: bytes, *, reveal: bool = False, force: bool = False) -> Decoded:
        """As ``decode_now``, in a thread whenever it could take long."""
        rule = self._rule(key)
        if len(value) <= INLINE_SIZE and not (rule and (rule.run or rule.set)):
            return self.decode_now(key, value, reveal=reveal, force=force)
        return await asyncio.to_thread(self.decode_now, key, value, reveal=reveal, force=force)

    def decode_now(self, key: bytes, value: bytes, *, reveal: bool = False, force: bool = False) -> Decoded:
        """What the value is; a rule of the profile that does not fit is told in ``problem``. May block on a command."""
        made = self._decoders.decode(key, value, mask=self._mask, reveal=reveal, force=force)
        if made.kind == "JSON" and not made.facts and is_kubernetes(key):
            made = replace(made, facts=json_facts(value))
        rule = self._rule(key)
        if rule and rule.use in _PROVEN and not rule.set and not made.problem:
            wanted = _NAMES.get(rule.use, rule.use)
            if value and wanted not in made.kind.lower():
                return replace(made, problem=f"The profile says {rule.use}, but the value is not.")
        return made

    def _rule(self, key: bytes) -> DecoderRule | None:
        return next((entry.rule for entry in self._rules if entry.glob.matches(key)), None)

    def _by_profile(self, request: Request) -> Decoded | None:
        rule = self._rule(request.key)
        if rule is None:
            return None
        if rule.use == "hex":
            return Decoded("binary", "by the profile", (hex_view(request.value),))
        if rule.use == "text":
            text = mask_lines(request.value.decode("utf-8", "surrogateescape"), request.hidden_fields)
            return Decoded("text", "by the profile", (text_view(text), hex_view(request.value)))
        if rule.use == "command":
            return _command(rule, request)
        return self._protobuf(rule, request) if rule.set else None

    def _protobuf(self, rule: DecoderRule, request: Request) -> Decoded:
        try:
            descriptors = self._descriptors(rule.set)
            name, body = _message_of(rule, request.value, descriptors)
            reading = descriptors.read(name, body, request.hidden_fields)
        except OSError as problem:
            return _failed(f"The descriptor set {rule.set} cannot be read: {problem.strerror}.")
        except (ConfigError, ValueError) as problem:
            return _failed(str(problem))
        return _read_message(name, reading, request)

    def _descriptors(self, path: str) -> Descriptors:
        if path not in self._sets:
            self._sets[path] = Descriptors(Path(path).expanduser().read_bytes())
        return self._sets[path]


def _failed(problem: str) -> Decoded:
    return Decoded("", "", problem=problem)


def _message_of(rule: DecoderRule, value: bytes, descriptors: Descriptors) -> tuple[str, bytes]:
    """The message's name and bytes; for Kubernetes both come from the envelope."""
    if rule.use != "k8s":
        return rule.message, value
    parts = unwrap(value)
    if parts is None:
        raise ValueError("The value has no Kubernetes envelope.")
    api_version, kind, body = parts
    group, _, version = api_version.rpartition("/")
    label = group.split(".")[0]
    name = descriptors.find(f"{_PACKAGES.get(label, label)}.{version}.{kind}")
    if name is None:
        raise ValueError(f"The descriptor set has no message for {api_version} {kind}.")
    return name, body


def _read_message(name: str, reading: Reading, request: Request) -> Decoded:
    view = View(name.rpartition(".")[2], lambda: reading.lines, "yaml")
    views = (view, hex_view(request.value, hidden=reading.masked))
    hints: tuple[str, ...] = ()
    if reading.unknown:
        hints = (f"{reading.unknown} of {reading.fields} fields are not in the schema",)
    problem = f"Most fields are not in {name}: it may be another message." if reading.is_wrong_type else ""
    facts = (Fact("message", name),)
    return Decoded("protobuf", "by the profile's schema", views, hints, facts, reading.masked, problem=problem)


def _command(rule: DecoderRule, request: Request) -> Decoded:
    if not rule.run:
        return _failed("The decoder command of the profile is empty.")
    try:
        out = run_command(rule.run, request.value, rule.timeout)
    except CommandFailedError as problem:
        return _failed(str(problem))
    inner = Decoders(Hooks(None, parse_yaml, describe_certificate)).decode(
        request.key, out, mask=request.mask, reveal=request.reveal, force=request.force
    )
    shown = tuple(view for view in inner.views if view.name != "hex")
    kind = f"{Path(rule.run[0]).name} > {inner.kind}"
    # The stored bytes are what the command took away, so they give nothing away that its output hides.
    return replace(inner, kind=kind, how="by the profile's command", views=(*shown, hex_view(request.value)))


def describe_certificate(der: bytes) -> Sequence[Fact]:
    """Subject, names, issuer, validity and key of an X.509 certificate; raises ``ValueError``."""
    found: Sequence[Fact] = values.certificates.describe_certificate(der)
    return found
