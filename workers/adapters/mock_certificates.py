"""PayPal's signing side, mocked: an authority of its own, a certificate at an address of PayPal's, and its key.

All of it is made anew in each process when first asked for, and kept nowhere.
"""

import base64
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-00000000-mock"
SIGNER = "messageverificationcerts.sandbox.paypal.com"


class MockCertificates:
    """Implements ports.certificates.CertificateStore, and signs what PayPal would."""

    def __init__(self, signer: str = SIGNER, valid_from: datetime | None = None) -> None:
        self._signer = signer
        self._valid_from = valid_from or datetime.now(UTC) - timedelta(days=1)
        self.fetched: list[str] = []
        """Every address that was asked."""

    async def fetch(self, url: str) -> bytes | None:
        """The certificate, at its own address only."""
        self.fetched.append(url)
        return self._certificate.public_bytes(serialization.Encoding.PEM) if url == URL else None

    def roots(self) -> Sequence[bytes]:
        """The mock's own authority."""
        return (self._authority.public_bytes(serialization.Encoding.PEM),)

    def headers(
        self, body: bytes, webhook_id: str, transmission: str = "t-1", ago: timedelta = timedelta(0)
    ) -> dict[str, str]:
        """The headers of a delivery, signed over body and webhook."""
        at = (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
        signed = f"{transmission}|{at}|{webhook_id}|{zlib.crc32(body)}".encode()
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return {
            "PayPal-Transmission-Id": transmission,
            "PayPal-Transmission-Time": at,
            "PayPal-Transmission-Sig": base64.b64encode(signature).decode(),
            "PayPal-Cert-Url": URL,
            "PayPal-Auth-Algo": "SHA256withRSA",
        }

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return _new_key()

    @cached_property
    def _authority_key(self) -> rsa.RSAPrivateKey:
        return _new_key()

    @cached_property
    def _authority(self) -> x509.Certificate:
        public = self._authority_key.public_key()
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            self._begun("Mock authority", public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._authority_key, hashes.SHA256())
        )

    @cached_property
    def _certificate(self) -> x509.Certificate:
        of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority_key.public_key())
        return (
            self._begun(self._signer, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(self._signer)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(of_authority, critical=False)
            .sign(self._authority_key, hashes.SHA256())
        )

    def _begun(self, name: str, public: rsa.RSAPublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mock authority")]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._valid_from)
            .not_valid_after(self._valid_from + timedelta(days=30))
        )


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)
