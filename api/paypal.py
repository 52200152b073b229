"""Whether a webhook is from PayPal: signed with a certificate of theirs, over this body, for a webhook of ours."""

import asyncio
import base64
import binascii
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from workers.ports.certificates import CertificateStore
from workers.runtime.errors import Unavailable

SIGNERS: Mapping[str, str] = {
    "api.paypal.com": "messageverificationcerts.paypal.com",
    "api-m.paypal.com": "messageverificationcerts.paypal.com",
    "api.sandbox.paypal.com": "messageverificationcerts.sandbox.paypal.com",
    "api-m.sandbox.paypal.com": "messageverificationcerts.sandbox.paypal.com",
}
"""Hosts that publish certificates, and whom these must be made out to."""
ALGORITHM = "SHA256withRSA"
KEPT, KEPT_FOR = 16, timedelta(hours=6)
"""So many keys, so long."""
MISSES, MISSED_FOR, AWAY_FOR = 1_000, timedelta(minutes=1), timedelta(seconds=5)
"""For a while also that there is none, or that PayPal did not answer, so that nobody makes us ask over and over.
In a place of their own: anybody may name addresses without one, and that must not cost us a key."""
MOST_ASKING = 8
"""Deliveries that wait for a certificate at once; others are told to try again."""
_ADDRESS = re.compile(r"https://([a-z.-]+)/v1/notifications/certs/CERT-[A-Za-z0-9-]{1,100}")


class NotFromPayPalError(Exception):
    """The delivery is not PayPal's, or not for us. The text says why."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What PayPal's headers say of a body."""

    transmission_id: str
    transmission_time: str
    signature: str
    certificate_url: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class _Kept:
    key: rsa.RSAPublicKey | None
    until: datetime
    away: bool = False
    """Nobody answered."""


class PayPal:
    """Checks deliveries. One for all requests of a process, because it keeps certificates."""

    def __init__(self, certificates: CertificateStore) -> None:
        self._certificates = certificates
        self._keys: dict[str, _Kept] = {}
        self._misses: dict[str, _Kept] = {}
        self._one_at_a_time = asyncio.Lock()
        self._asking = 0

    async def check(self, delivery: Delivery, body: bytes, webhook_ids: Sequence[str]) -> None:
        """Return when it is PayPal's and for one of `webhook_ids`, else raise NotFromPayPalError.

        Nobody is asked for a certificate that lies elsewhere. How old the delivery is does not matter: PayPal
        repeats for three days, and a dispute is taken once whoever repeats it. Raises Unavailable when PayPal does
        not answer, or too many wait for it.
        """
        signer = _signer_of(delivery.certificate_url)
        if delivery.algorithm != ALGORITHM:
            raise NotFromPayPalError(f"PayPal-Auth-Algo is not {ALGORITHM}.")
        key = await self._key_at(delivery.certificate_url, signer)
        if key is None:
            raise NotFromPayPalError("There is no valid certificate of PayPal's at PayPal-Cert-Url.")
        try:
            signature = base64.b64decode(delivery.signature, validate=True)
        except (binascii.Error, ValueError):
            raise NotFromPayPalError("PayPal-Transmission-Sig is not base64.") from None
        if not any(_fits(key, signature, _signed(delivery, body, each)) for each in webhook_ids):
            raise NotFromPayPalError("PayPal-Transmission-Sig does not fit the body.")

    async def _key_at(self, url: str, signer: str) -> rsa.RSAPublicKey | None:
        """The key that PayPal signs with, if the address has one that is to be trusted."""
        kept = self._kept_at(url) or await self._ask(url, signer)
        if kept.away:
            raise Unavailable("certificates: no answer")
        return kept.key

    async def _ask(self, url: str, signer: str) -> _Kept:
        """One after the other, each once for all that wait for it."""
        if self._asking >= MOST_ASKING:
            raise Unavailable("certificates: too many wait for one")
        self._asking += 1
        try:
            async with self._one_at_a_time:
                return self._kept_at(url) or await self._fetch(url, signer)
        finally:
            self._asking -= 1

    async def _fetch(self, url: str, signer: str) -> _Kept:
        try:
            text = await self._certificates.fetch(url)
        except Unavailable:
            return _keep(self._misses, MISSES, url, _Kept(None, datetime.now(UTC) + AWAY_FOR, away=True))
        key = _trusted_key(text or b"", signer, self._certificates.roots())
        if key is None:
            return _keep(self._misses, MISSES, url, _Kept(None, datetime.now(UTC) + MISSED_FOR))
        return _keep(self._keys, KEPT, url, _Kept(key, datetime.now(UTC) + KEPT_FOR))

    def _kept_at(self, url: str) -> _Kept | None:
        found = (self._keys.get(url), self._misses.get(url))
        return next((kept for kept in found if kept is not None and datetime.now(UTC) < kept.until), None)


def _keep(place: dict[str, _Kept], most: int, url: str, kept: _Kept) -> _Kept:
    """The oldest goes when there are too many."""
    place.pop(url, None)
    place[url] = kept
    while len(place) > most:
        del place[next(iter(place))]
    return kept


def _signer_of(url: str) -> str:
    """Whose certificate lies there; nothing but a plain https address of PayPal's will do."""
    address = _ADDRESS.fullmatch(url)
    signer = SIGNERS.get(address[1]) if address else None
    if signer is None:
        raise NotFromPayPalError("PayPal-Cert-Url is no address of PayPal's certificates.")
    return signer


def _trusted_key(text: bytes, signer: str, roots: Sequence[bytes]) -> rsa.RSAPublicKey | None:
    """The key of a certificate that is made out to the signer, valid now, and vouched for by somebody trusted."""
    try:
        leaf, *between = x509.load_pem_x509_certificates(text)
        trusted = Store([each for root in roots for each in x509.load_pem_x509_certificates(root)])
        PolicyBuilder().store(trusted).build_server_verifier(x509.DNSName(signer)).verify(leaf, between)
    except (ValueError, VerificationError):
        return None
    key = leaf.public_key()
    return key if isinstance(key, rsa.RSAPublicKey) else None


def _signed(delivery: Delivery, body: bytes, webhook_id: str) -> bytes:
    named = (delivery.transmission_id, delivery.transmission_time, webhook_id, str(zlib.crc32(body)))
    return "|".join(named).encode("latin-1", "replace")


def _fits(key: rsa.RSAPublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
