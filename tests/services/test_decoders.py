"""Decoders that need more than the standard library, by the rules of a profile."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import pytest
import trustme
import zstandard
from google.protobuf import descriptor_pb2

from etcdtui.client.descriptors import Descriptors
from etcdtui.config.schema import DecoderRule
from etcdtui.core.errors import ConfigError
from etcdtui.core.tree import Number
from etcdtui.services.values import command_decoder
from etcdtui.services.values.command_decoder import CommandFailedError, run_command
from etcdtui.services.values.decoders import ValueDecoders
from etcdtui.services.values.yaml_values import parse_yaml
from tests.support.timing import Stopwatch


def descriptor_set() -> bytes:
    files = descriptor_pb2.FileDescriptorSet()
    file = files.file.add(name="a.proto", package="k8s.io.api.core.v1", syntax="proto3")
    message = file.message_type.add(name="Thing")
    message.field.add(name="name", number=1, type=9, label=1)
    message.field.add(name="numbers", number=2, type=5, label=3)
    message.field.add(name="inner", number=3, type=11, type_name=".k8s.io.api.core.v1.Thing", label=3)
    message.field.add(name="password", number=4, type=9, label=1)
    return files.SerializeToString()


def rule(match: str, use: str, *, run: tuple[str, ...] = (), timeout: float = 5.0, **more: str) -> DecoderRule:
    return DecoderRule(match, use, run=run, timeout=timeout, **more)


async def test_a_command_decodes_and_its_output_gets_its_type() -> None:
    code = "import sys; sys.stdout.write(sys.stdin.read()[::-1])"
    decoders = ValueDecoders([rule("/enc/**", "command", run=(sys.executable, "-c", code))], ["password"])
    made = await decoders.decode(b"/enc/a", b'{"password":"x"}'[::-1])
    assert made.kind.endswith("> JSON") and made.masked
    assert '"password": "********"' in "".join(made.views[0].lines())


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("false",), "failed with status 1"),
        (("no-such-program-here",), "cannot be started"),
        (("sleep", "60"), "did not finish"),
        (("yes",), "writes more than"),
        (("sh", "-c", "sleep 60 & exec sleep 60"), "did not finish"),
        (("sh", "-c", "printf '\\033]0;x' >&2; exit 3"), "status 3"),
    ],
)
def test_a_failing_command_ends_in_time_with_a_sentence(argv: tuple[str, ...], words: str) -> None:
    started = Stopwatch()
    with pytest.raises(CommandFailedError, match=words):
        run_command(argv, b"x" * 1_000_000, 0.5)
    assert started.fair() < 5


def test_a_command_sees_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETCDCTL_PASSWORD", "planted")
    assert b"planted" not in run_command(("env",), b"", 5)
    assert os.environ["ETCDCTL_PASSWORD"] == "planted"
    assert command_decoder.MAX_OUTPUT == 4 * 1024 * 1024


async def test_a_failed_rule_falls_back_to_what_the_value_is() -> None:
    decoders = ValueDecoders([rule("/a", "command", run=("false",)), rule("/b", "json"), rule("/c", "hex")])
    made = await decoders.decode(b"/a", b"{}")
    assert made.kind == "JSON" and "status 1" in made.problem
    assert (await decoders.decode(b"/b", b"text")).problem == "The profile says json, but the value is not."
    assert (await decoders.decode(b"/b", b"{}")).problem == ""
    assert (await decoders.decode(b"/c", b"{}")).views[0].name == "hex"


def test_protobuf_by_descriptor_set(tmp_path: Path) -> None:
    path = tmp_path / "set.fds"
    path.write_bytes(descriptor_set())
    name = "k8s.io.api.core.v1.Thing"
    decoders = ValueDecoders([rule("/p", "protobuf", set=str(path), message=name)], ["password"])
    made = decoders.decode_now(b"/p", b"\n\x03abc\x12\x02\x01\x02\x1a\x03\n\x01z\x22\x02pw\x48\x05")
    assert made.kind == "protobuf" and made.masked
    assert list(made.views[0].lines()) == [
        "name: abc", "numbers:", "- 1", "- 2", "inner:", "- name: z", "password: ********", "#9: 5",
    ]  # fmt: skip
    assert "another message" in decoders.decode_now(b"/p", b"\x58\x05\x60\x01").problem
    assert "are no" in decoders.decode_now(b"/p", b"\xff\xff").problem
    missing = ValueDecoders([rule("/p", "protobuf", set=str(tmp_path / "none"), message=name)])
    assert "cannot be read" in missing.decode_now(b"/p", b"x").problem


def test_kubernetes_messages_are_found_by_version_and_kind(tmp_path: Path) -> None:
    path = tmp_path / "set.fds"
    path.write_bytes(descriptor_set())
    decoders = ValueDecoders([rule("/registry/**", "k8s", set=str(path))])
    value = b"k8s\0\x0a\x0b\x0a\x02v1\x12\x05Thing\x12\x05\x0a\x03abc"
    made = decoders.decode_now(b"/registry/things/a", value)
    assert (made.problem, list(made.views[0].lines())) == ("", ["name: abc"])


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x0a\x03abc"])
def test_a_bad_descriptor_set_is_a_config_error(data: bytes) -> None:
    with pytest.raises(ConfigError):
        Descriptors(data)


def test_certificates_are_described() -> None:
    chain = trustme.CA().issue_cert("etcd.example", "10.0.0.1").cert_chain_pems[0].bytes()
    facts = {fact.name: fact.value for fact in ValueDecoders().decode_now(b"k", chain).facts}
    assert facts["block"] == "CERTIFICATE" and facts["names"] == "etcd.example, 10.0.0.1"
    assert facts["expires"].endswith("Z") and facts["key"].startswith("EC")
    broken = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(b"not DER") + b"\n-----END CERTIFICATE-----\n"
    made = ValueDecoders().decode_now(b"k", broken)
    assert made.kind == "PEM" and any(fact.name == "unreadable" for fact in made.facts)


def test_zstd_is_unpacked_whole_or_not_at_all() -> None:
    decoders = ValueDecoders()
    frame = zstandard.ZstdCompressor().compress(b'{"a":1}')
    assert decoders.decode_now(b"k", frame).kind == "zstd > JSON"
    for bad in (frame[:-2], frame + b"x", zstandard.ZstdCompressor().compress(b"a" * 10_000_000)):
        made = decoders.decode_now(b"k", bad)
        assert made.kind == "zstd frame" and made.problem.endswith(".")


def test_yaml_means_what_it_says() -> None:
    text = "a: no\nb: 012\nc: 1.50\nd: [true, ~, '1']\ne: *x\n"
    assert parse_yaml(text) == {"a": "no", "b": "012", "c": Number("1.50"), "d": [True, None, "1"], "e": "*x"}
    assert ValueDecoders().decode_now(b"k", b"a: 1\nb: 2\n").kind == "YAML"


@pytest.mark.parametrize("text", ["a: 1\na: 2", "[", "\t", "? [1]\n: 2", "a: " + "[" * 500 + "]" * 500])
def test_doubtful_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(text)
