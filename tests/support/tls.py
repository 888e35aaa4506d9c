"""TLS material for tests: good, and broken in each way that a person meets. Made with ``cryptography``, valid a day."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from etcdtui.demo.cluster import ServerTls

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CertFiles:
    """A certificate and its key as PEM files."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority of one's own that writes into ``folder``."""

    def __init__(self, folder: Path, name: str, parent: Authority | None = None) -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        signer = parent or self
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")])
        now = datetime.datetime.now(datetime.UTC)
        self._cert: x509.Certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if parent is None else parent._cert.subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(signer._key, hashes.SHA256())
        )
        self.cert = folder / f"{name}-ca.crt"
        self.cert.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        common_name: str = "",
        hosts: tuple[str, ...] = ("localhost", "127.0.0.1"),
        starts: datetime.timedelta = -DAY,
        ends: datetime.timedelta = DAY,
        password: bytes | None = None,
    ) -> CertFiles:
        """A leaf for servers and clients alike; ``starts`` and ``ends`` are relative to now."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or name)]))
            .issuer_name(self._cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + starts)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        cert = builder.sign(self._key, hashes.SHA256())
        files = CertFiles(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        files.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        hide: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            hide = serialization.BestAvailableEncryption(password)
        files.key.touch(0o600)
        files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hide))
        return files


class TlsMaterial:
    """One good authority, one that nobody trusts, and leaves; files live in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder, "good")
        self.other_authority = Authority(folder, "other")
        self.ca = self.authority.cert
        self.wrong_ca = self.other_authority.cert
        self.server_cert = self.authority.issue("server")
        self.server_expired = self.authority.issue("server-expired", starts=-2 * DAY, ends=-DAY)
        self.server_not_yet = self.authority.issue("server-not-yet", starts=DAY, ends=2 * DAY)
        self.server_wrong_name = self.authority.issue("server-wrong-name", hosts=("elsewhere.example",))
        self.client = self.authority.issue("client", hosts=())
        self.client_expired = self.authority.issue("client-expired", hosts=(), starts=-2 * DAY, ends=-DAY)
        self.client_untrusted = self.other_authority.issue("client-untrusted", hosts=())
        self.client_encrypted = self.authority.issue("client-encrypted", hosts=(), password=b"secret")

    def user(self, name: str) -> CertFiles:
        """A client certificate whose common name is an etcd user."""
        return self.authority.issue(f"user-{name}", common_name=name, hosts=())

    def server(self, files: CertFiles | None = None, *, client_auth: bool = False) -> ServerTls:
        """What ``etcd_server(tls=...)`` takes; ``client_auth`` asks clients for a certificate of the good authority."""
        chosen = files or self.server_cert
        return ServerTls(chosen.cert, chosen.key, self.ca if client_auth else None)
