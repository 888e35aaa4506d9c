"""Whom a certificate is for."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID


def certificate_name(der: bytes, wanted: str) -> str:
    """A name the certificate is valid for: the one wanted if listed, else its first, else its common name."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        listed = [*names.get_values_for_type(x509.DNSName)]
        listed += [str(ip) for ip in names.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        listed = []
    if wanted in listed:
        return wanted
    concrete = [name for name in listed if not name.startswith("*")]
    if concrete:
        return concrete[0]
    if listed:
        return "pinned" + listed[0][1:]
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else wanted


def subject_and_end(certificate: bytes) -> tuple[str, float]:
    """Its subject, and when it ends in Unix seconds; DER or PEM."""
    pem = b"-----BEGIN" in certificate
    read = x509.load_pem_x509_certificate(certificate) if pem else x509.load_der_x509_certificate(certificate)
    return read.subject.rfc4514_string(), read.not_valid_after_utc.timestamp()
