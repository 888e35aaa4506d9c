"""Trust material, checked before gRPC sees it: a certificate without key aborts the process inside gRPC, an empty CA
silently means public roots, and any other defect is reported there without a reason."""

from __future__ import annotations

import ssl
from pathlib import Path

from etcdtui.client import _certificates
from etcdtui.client.options import TlsOptions
from etcdtui.core.errors import ConfigError, TlsError
from etcdtui.core.value import Value

MAX_FILE = 8 * 1024 * 1024
"""Bytes; nobody's CA bundle is larger."""


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
        _certificates.check_certificates(ca, "CA", options.ca_file)
    if cert is not None and key is not None:
        key = _certificates.check_pair(cert, key, options.cert_file, options.key_file, options.passphrase)
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
