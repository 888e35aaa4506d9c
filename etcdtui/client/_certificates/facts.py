"""What a certificate says, in values and in words."""

from __future__ import annotations

import time

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from etcdtui.core.value import Value

MAX_NAMES = 8
"""Names of a certificate that are told."""


class CertFacts(Value):
    """Subject and issuer as RFC 4514 has them, all names it is for, Unix seconds, and the SHA-256 of all of it."""

    subject: str
    issuer: str
    common_name: str
    names: tuple[str, ...]
    starts: float
    ends: float
    fingerprint: str
    is_authority: bool = False

    @property
    def is_valid_now(self) -> bool:
        return self.starts <= time.time() <= self.ends

    @property
    def words(self) -> str:
        """``CN=etcd-1, for etcd-1.int, 10.0.0.1, valid 2026-01-02 to 2027-01-02, SHA-256 12:AB:...``."""
        listed = ", ".join(self.names[:MAX_NAMES]) + (" ..." if len(self.names) > MAX_NAMES else "")
        names = f"for {listed}" if listed else "without alternative names"
        return f"{self.subject}, {names}, valid {_day(self.starts)} to {_day(self.ends)}, SHA-256 {self.fingerprint}"


def facts_of(certificate: bytes) -> CertFacts:
    """Of one certificate, DER or PEM; raises ``ValueError`` for anything else."""
    pem = b"-----BEGIN" in certificate
    return _facts(x509.load_pem_x509_certificate(certificate) if pem else x509.load_der_x509_certificate(certificate))


def facts_of_all(pem: bytes) -> tuple[CertFacts, ...]:
    """Of each certificate in a PEM text."""
    return tuple(_facts(one) for one in x509.load_pem_x509_certificates(pem))


def _facts(read: x509.Certificate) -> CertFacts:
    names: list[str] = []
    try:
        listed = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names += listed.get_values_for_type(x509.DNSName)
        names += [str(ip) for ip in listed.get_values_for_type(x509.IPAddress)]
    except (x509.ExtensionNotFound, ValueError):
        pass
    try:
        authority = bool(read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        authority = False
    common = read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertFacts(
        read.subject.rfc4514_string() or "no subject",
        read.issuer.rfc4514_string() or "no issuer",
        str(common[0].value) if common else "",
        tuple(names),
        read.not_valid_before_utc.timestamp(),
        read.not_valid_after_utc.timestamp(),
        fingerprint_of(read.fingerprint(SHA256())),
        authority,
    )


def fingerprint_of(digest: bytes) -> str:
    """``12:AB:...``, as openssl writes it."""
    return digest.hex(":").upper()


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds)) + " UTC"
