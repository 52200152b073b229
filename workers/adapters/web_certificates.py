"""Certificates fetched over https, trusted as every client here trusts servers."""

import re
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import certifi
import httpx
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from workers.runtime.errors import Unavailable

MAX_BYTES = 64 * 1024
SECONDS = 3.0
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class WebCertificates:
    """Implements ports.certificates.CertificateStore. Asks nobody but the address itself."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport

    async def fetch(self, url: str) -> bytes | None:
        """At most 64 kB, each step of it within 3 s. A redirect is as good as nothing."""
        plain = {"Accept-Encoding": "identity"}
        try:
            async with (
                httpx.AsyncClient(transport=self._transport, timeout=SECONDS, follow_redirects=False) as client,
                client.stream("GET", url, headers=plain) as answer,
            ):
                if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                    raise Unavailable(f"certificates: answered {answer.status_code}")
                there = answer.status_code == httpx.codes.OK and "content-encoding" not in answer.headers
                return await _read(answer) if there else None
        except httpx.TransportError as error:
            raise Unavailable("certificates: no connection") from error

    def roots(self) -> Sequence[bytes]:
        """Mozilla's list."""
        return _roots()


@cache
def _roots() -> Sequence[bytes]:
    return tuple(filter(_sound, _PEM.findall(Path(certifi.where()).read_bytes())))


def _sound(text: bytes) -> bool:
    """Some are older than the rules for them, and the library will refuse these."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            x509.load_pem_x509_certificate(text)
        except (ValueError, CryptographyDeprecationWarning):
            return False
    return True


async def _read(answer: httpx.Response) -> bytes | None:
    text = bytearray()
    async for chunk in answer.aiter_bytes():
        text += chunk
        if len(text) > MAX_BYTES:
            return None
    return bytes(text)
