"""Trust material is judged before gRPC sees it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from etcdtui.client import TlsOptions, errors
from etcdtui.client._transport.tls import load_material, system_roots
from tests.support.tls import TlsMaterial


def test_a_certificate_needs_its_key_and_the_reverse(tls: TlsMaterial) -> None:
    with pytest.raises(errors.ConfigError, match="together"):
        TlsOptions(cert_file=tls.client.cert)
    with pytest.raises(errors.ConfigError, match="together"):
        TlsOptions(key=b"x")
    with pytest.raises(errors.ConfigError, match="twice"):
        TlsOptions(ca=b"x", ca_file=tls.ca)
    with pytest.raises(errors.ConfigError, match="empty"):
        TlsOptions(ca_file="")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"garbage", "not PEM"),
        (b"\xef\xbb\xbf-----BEGIN CERTIFICATE-----", "byte order mark"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no readable certificate"),
    ],
)
def test_bad_ca_files(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(content)
    with pytest.raises(errors.TlsError, match=words):
        load_material(TlsOptions(ca_file=file))
    with pytest.raises(errors.TlsError, match=words):
        load_material(TlsOptions(ca=content))


def test_der_and_missing_files(tls: TlsMaterial, tmp_path: Path) -> None:
    der = tmp_path / "ca.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(tls.ca.read_text()))
    with pytest.raises(errors.TlsError, match="DER"):
        load_material(TlsOptions(ca_file=der))
    with pytest.raises(errors.ConfigError, match="No such file"):
        load_material(TlsOptions(ca_file=tmp_path / "none"))


def test_keys_that_do_not_fit(tls: TlsMaterial) -> None:
    with pytest.raises(errors.TlsError, match="encrypted"):
        load_material(TlsOptions(cert_file=tls.client_encrypted.cert, key_file=tls.client_encrypted.key))
    with pytest.raises(errors.TlsError, match="does not belong"):
        load_material(TlsOptions(cert_file=tls.client.cert, key_file=tls.client_untrusted.key))
    with pytest.raises(errors.TlsError, match="not a readable private key"):
        load_material(TlsOptions(cert_file=tls.client.cert, key=b"-----BEGIN PRIVATE KEY-----\nAAAA\n"))


def test_good_material_and_blind_repr(tls: TlsMaterial) -> None:
    options = TlsOptions(ca_file=tls.ca, cert_file=tls.client.cert, key=tls.client.key.read_bytes())
    material = load_material(options)
    assert material.ca == tls.ca.read_bytes()
    for text in (repr(options), repr(material)):
        assert "PRIVATE" not in text


def test_without_a_ca_the_system_roots_are_taken() -> None:
    assert b"BEGIN CERTIFICATE" in system_roots()
    assert load_material(None).ca == system_roots()
