"""The certificate by which a server is known on other machines: its own, made once, and recognised
by its fingerprint instead of by an authority."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pentimento.core.files import write_private

CERTIFICATE, KEY = "certificate.pem", "key.pem"
YEARS = 20  # it is pinned: another one has to be paired with anew


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """`fingerprint`: SHA-256 of the certificate (DER) in hexadecimal."""

    certificate: Path
    key: Path
    fingerprint: str


def own(folder: Path) -> OwnCertificate:
    """The one in the folder, which is made where there is none or one of its files is damaged."""
    certificate, key = folder / CERTIFICATE, folder / KEY
    if not _fit(certificate, key):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, data in zip((key, certificate), _made(), strict=True):
            write_private(path, data, lasting=True)
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text("ascii"))
    return OwnCertificate(certificate, key, hashlib.sha256(der).hexdigest())


def _fit(certificate: Path, key: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ValueError):  # SSLError is an OSError
        return False
    return True


def _made() -> tuple[bytes, bytes]:
    """Key and certificate as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Pentimento")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return secret, certificate.public_bytes(serialization.Encoding.PEM)
