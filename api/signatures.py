"""Signatures of webhooks: HMAC-SHA256 of what was sent, in constant time, against every secret that is valid."""

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

from pydantic import SecretStr

from api.errors import Problem, unavailable

TOLERANCE_SECONDS = 300


def verify(
    signed: bytes, sent: str, secrets: Sequence[SecretStr], *, written: Callable[[bytes], str], header: str
) -> None:
    """401 unless `sent` is the HMAC of `signed` with one of the secrets, the way the sender writes it.

    During a rotation two secrets are valid; without any nothing is, and the answer is 503.
    """
    keys = [secret.get_secret_value().encode() for secret in some(secrets)]
    digests = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    told = sent.encode("latin-1")
    fits = [hmac.compare_digest(written(digest).encode(), told) for digest in digests]
    if not any(fits):
        raise Problem("bad-signature", f"{header} does not fit the body.")


def some(secrets: Sequence[SecretStr]) -> Sequence[SecretStr]:
    """503 when there is none to verify anything with."""
    if not secrets:
        raise unavailable("No webhook secret is set, so nothing can be verified.")
    return secrets


def verify_ours(raw: bytes, timestamp: str, signature: str, secrets: Sequence[SecretStr]) -> None:
    """401 unless signed by our own scheme: HMAC of timestamp, a dot and the body, in hex; and of now."""
    signed = timestamp.encode("latin-1") + b"." + raw
    verify(signed, signature, secrets, written=bytes.hex, header="X-Orderops-Signature")
    verify_age(timestamp, header="X-Orderops-Timestamp")


def verify_age(timestamp: str, *, header: str) -> None:
    """401 unless the time that was signed is that of now, five minutes more or less."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise Problem("bad-signature", f"{header} is missing, or no time.")
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        raise Problem("bad-signature", f"{header} is more than {TOLERANCE_SECONDS} s away from now.")
