"""PEM texts, checked before gRPC sees them."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from etcdtui.core.errors import PassphraseWanted, TlsFileError

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def _named(what: str, file: str | Path | None) -> str:
    return f"the {what} file {str(file)!r}" if file is not None else f"the {what}"


def _check_form(data: bytes, what: str, file: str | Path | None) -> None:
    name = _named(what, file)
    if not data.strip():
        raise TlsFileError(f"{name} is empty")
    if data.startswith(_BOMS):
        raise TlsFileError(f"{name} starts with a byte order mark; save it as plain ASCII")
    if data[:1] == b"\x30":
        raise TlsFileError(f"{name} is in DER form; convert it to PEM")
    if b"-----BEGIN " not in data:
        raise TlsFileError(f"{name} is not PEM (it has no BEGIN line)")


def check_certificates(data: bytes, what: str, file: str | Path | None) -> list[x509.Certificate]:
    _check_form(data, what, file)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise TlsFileError(f"{_named(what, file)} holds no readable certificate") from None


def check_pair(
    cert: bytes, key: bytes, cert_file: str | Path | None, key_file: str | Path | None, passphrase: bytes | None = None
) -> bytes:
    """The key as PEM in clear; what is in it reaches no message.

    Raises ``TlsFileError`` unless it is readable and the certificate's, ``PassphraseWanted`` when it is encrypted.
    """
    leaf = check_certificates(cert, "certificate", cert_file)[0]
    _check_form(key, "key", key_file)
    name = _named("key", key_file)
    encrypted = b"ENCRYPTED" in key
    if encrypted and passphrase is None:
        raise PassphraseWanted(f"{name} is encrypted: its passphrase is wanted")
    try:
        private = load_pem_private_key(key, password=passphrase if encrypted else None)
    except Exception:  # noqa: BLE001 - the library raises many kinds; the key's content must not reach a traceback
        if encrypted:
            raise PassphraseWanted(f"{name} is encrypted, and that is not its passphrase") from None
        raise TlsFileError(f"{name} is not a readable private key") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise TlsFileError(f"{name} does not belong to {_named('certificate', cert_file)}")
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if encrypted else key
