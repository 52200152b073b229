"""PayPal's signing side, mocked: an authority of its own, a certificate at an address of PayPal's, and its key.

MockCertificates makes all of it anew when first asked for; KeptCertificates keeps it in the mock's books, so that
one process can sign what another one checks.
"""

import asyncio
import base64
import uuid
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from workers.adapters.mock_books import SignerRow
from workers.adapters.mock_world import MockWorld

URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-00000000-mock"
SIGNER = "messageverificationcerts.sandbox.paypal.com"
VALID = timedelta(days=30)


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
        return self._pem(self._certificate) if url == URL else None

    def roots(self) -> Sequence[bytes]:
        """The mock's own authority."""
        return (self._pem(self._authority),)

    def headers(
        self, body: bytes, webhook_id: str, transmission: str = "t-1", ago: timedelta = timedelta(0)
    ) -> dict[str, str]:
        """The headers of a delivery, signed over body and webhook."""
        return signed_headers(self._key, body, webhook_id, transmission, datetime.now(UTC) - ago)

    def made(self) -> dict[str, Any]:
        """All of it, as PEM texts, and until when it is valid."""
        no_password = serialization.NoEncryption()
        key = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
        texts = {"authority": self.roots()[0], "certificate": self._pem(self._certificate), "key": key}
        return {name: text.decode() for name, text in texts.items()} | {"until": self._valid_from + VALID}

    @staticmethod
    def _pem(certificate: x509.Certificate) -> bytes:
        return certificate.public_bytes(serialization.Encoding.PEM)

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
            .not_valid_after(self._valid_from + VALID)
        )


class KeptCertificates:
    """Implements ports.certificates.CertificateStore for all processes alike, and signs what PayPal would.

    Made by whoever needs it first, and again when it is not valid any more, by the machine's clock.
    """

    def __init__(self, world: MockWorld) -> None:
        self._world = world
        self._kept: SignerRow | None = None

    async def fetch(self, url: str) -> bytes | None:
        """The certificate, at its own address only."""
        return (await self._signer()).certificate.encode() if url == URL else None

    def roots(self) -> Sequence[bytes]:
        """The mock's own authority, known once its certificate was fetched."""
        return (self._kept.authority.encode(),) if self._kept else ()

    async def headers(self, body: bytes, webhook_id: str) -> dict[str, str]:
        """The headers of a delivery, signed over body and webhook."""
        key = serialization.load_pem_private_key((await self._signer()).key.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101  # it is our own
        return signed_headers(key, body, webhook_id, str(uuid.uuid4()), datetime.now(UTC))

    async def _signer(self) -> SignerRow:
        if self._kept is None or self._kept.until <= datetime.now(UTC):
            self._kept = await self._world.row(_SIGNER) or await self._make()
        return self._kept

    async def _make(self) -> SignerRow:
        """Of two who make it at once, both take the first one's."""
        made = await asyncio.to_thread(lambda: MockCertificates().made())
        statement = insert(SignerRow).values(id=1, **made)
        new = statement.on_conflict_do_update(
            index_elements=[SignerRow.id],
            set_={name: statement.excluded[name] for name in made},
            where=SignerRow.until <= func.now(),
        )
        await self._world.row(new.returning(SignerRow))
        return await self._world.one(_SIGNER)


_SIGNER = select(SignerRow).where(SignerRow.until > func.now())


def signed_headers(
    key: rsa.RSAPrivateKey, body: bytes, webhook_id: str, transmission: str, moment: datetime
) -> dict[str, str]:
    """The headers of a delivery, signed over body and webhook with this key."""
    at = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = f"{transmission}|{at}|{webhook_id}|{zlib.crc32(body)}".encode()
    return {
        "PayPal-Transmission-Id": transmission,
        "PayPal-Transmission-Time": at,
        "PayPal-Transmission-Sig": base64.b64encode(
            key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        ).decode(),
        "PayPal-Cert-Url": URL,
        "PayPal-Auth-Algo": "SHA256withRSA",
    }


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)
