"""Certificates that others sign with."""

from collections.abc import Sequence
from typing import Protocol


class CertificateStore(Protocol):
    """Fetches what an address publishes, and knows whom we trust.

    Who calls has made sure that the address is one that may be asked.
    """

    async def fetch(self, url: str) -> bytes | None:
        """The PEM text at this address, the signer's certificate first, then those that vouch for it; None when
        there is none. Follows no redirects. Raises Unavailable when nobody answers."""
        ...

    def roots(self) -> Sequence[bytes]:
        """PEM texts of the authorities that are trusted."""
        ...
