"""Trust material, checked before gRPC sees it: a certificate without key aborts the process inside gRPC, an empty CA
silently means public roots, and any other defect is reported there without a reason."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from etcdtui.client.options import TlsOptions
from etcdtui.core.errors import ConfigError, TlsError
from etcdtui.core.value import Value

if TYPE_CHECKING:  # the library takes a tenth of a start, and plaintext needs none of it
    from cryptography import x509

MAX_FILE = 8 * 1024 * 1024
"""Bytes; nobody's CA bundle is larger."""
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class TlsMaterial(Value):
    """PEM bytes ready for use. ``signature`` changes when one of the files behind them does."""

    ca: bytes
    cert: bytes | None
    key: bytes | None
    server_name: str
    pin: bool
    signature: tuple[tuple[str, int, int, int], ...] = ()

    def __repr__(self) -> str:
        return f"TlsMaterial(server_name={self.server_name!r}, client_cert={self.cert is not None}, pin={self.pin})"


def load_material(options: TlsOptions | None) -> TlsMaterial:
    """Reads and checks all files; ``None`` means system roots and no client certificate."""
    options = options or TlsOptions()
    signature = file_signature(options)
    ca = options.ca if options.ca is not None else _read(options.ca_file, "CA")
    cert = options.cert if options.cert is not None else _read(options.cert_file, "certificate")
    key = options.key if options.key is not None else _read(options.key_file, "key")
    if ca is not None:
        _check_certificates(ca, "CA", options.ca_file)
    if cert is not None and key is not None:
        _check_pair(cert, key, options)
    roots = b"" if options.insecure_skip_verify else ca if ca is not None else system_roots()
    return TlsMaterial(roots, cert, key, options.server_name or "", options.insecure_skip_verify, signature)


def file_signature(options: TlsOptions | None) -> tuple[tuple[str, int, int, int], ...]:
    """(path, mtime in ns, size, inode) of each configured file; a missing file counts as zeros."""
    found: list[tuple[str, int, int, int]] = []
    for file in (options.ca_file, options.cert_file, options.key_file) if options else ():
        if file is None:
            continue
        try:
            stat = Path(file).stat()
            found.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append((str(file), 0, 0, 0))
    return tuple(found)


def system_roots() -> bytes:
    """The machine's trusted roots as PEM (gRPC would take its own bundle instead)."""
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.cafile, paths.openssl_cafile):
        if candidate and Path(candidate).is_file():
            data = Path(candidate).read_bytes()
            if b"BEGIN CERTIFICATE" in data:
                return data
    ders = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not ders:
        raise TlsError("this machine has no trusted root certificates; give a CA file")
    return "".join(ssl.DER_cert_to_PEM_cert(der) for der in ders).encode()


def _read(file: str | Path | None, what: str) -> bytes | None:
    if file is None:
        return None
    try:
        with Path(file).open("rb") as handle:
            data = handle.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"tls: the {what} file {str(file)!r} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE:
        raise ConfigError(f"tls: the {what} file {str(file)!r} is larger than {MAX_FILE} bytes")
    return data


def _named(what: str, file: str | Path | None) -> str:
    return f"the {what} file {str(file)!r}" if file is not None else f"the {what}"


def _check_form(data: bytes, what: str, file: str | Path | None) -> None:
    name = _named(what, file)
    if not data.strip():
        raise TlsError(f"{name} is empty")
    if data.startswith(_BOMS):
        raise TlsError(f"{name} starts with a byte order mark; save it as plain ASCII")
    if data[:1] == b"\x30":
        raise TlsError(f"{name} is in DER form; convert it to PEM")
    if b"-----BEGIN " not in data:
        raise TlsError(f"{name} is not PEM (it has no BEGIN line)")


def _check_certificates(data: bytes, what: str, file: str | Path | None) -> list[x509.Certificate]:
    from cryptography import x509

    _check_form(data, what, file)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise TlsError(f"{_named(what, file)} holds no readable certificate") from None


def _check_pair(cert: bytes, key: bytes, options: TlsOptions) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    leaf = _check_certificates(cert, "certificate", options.cert_file)[0]
    _check_form(key, "key", options.key_file)
    name = _named("key", options.key_file)
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        raise TlsError(f"{name} is encrypted; decrypt it first (openssl pkey)") from None
    except Exception:  # noqa: BLE001 - the library raises many kinds; the key's content must not reach a traceback
        raise TlsError(f"{name} is not a readable private key") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise TlsError(f"{name} does not belong to {_named('certificate', options.cert_file)}")
