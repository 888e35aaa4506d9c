"""What an X.509 certificate says. Its library takes a tenth of a start to import, so this waits for a certificate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from etcdtui.core.decoding.result import Fact

MAX_NAMES = 10


@cache
def _key_words() -> Sequence[tuple[type, Callable[[object], str]]]:
    return (
        (rsa.RSAPublicKey, lambda key: f"RSA {getattr(key, 'key_size', '')}"),
        (ec.EllipticCurvePublicKey, lambda key: f"EC {getattr(getattr(key, 'curve', None), 'name', '')}"),
        (ed25519.Ed25519PublicKey, lambda key: "Ed25519"),
    )


def describe_certificate(der: bytes) -> Sequence[Fact]:
    """Subject, names, issuer, validity and key of an X.509 certificate; raises ``ValueError``."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        facts = [
            Fact("subject", certificate.subject.rfc4514_string() or "(empty)"),
            Fact("issuer", certificate.issuer.rfc4514_string()),
            Fact("valid from", f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"),
            Fact("expires", f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"),
        ]
        names = _names(certificate)
        public = certificate.public_key()
    except Exception:  # noqa: BLE001 - hostile DER raises many kinds
        raise ValueError("the certificate cannot be read") from None
    if names:
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        facts.insert(1, Fact("names", ", ".join(names[:MAX_NAMES]) + more))
    facts += [Fact("key", words(public)) for kind, words in _key_words() if isinstance(public, kind)]
    return facts


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]
