"""Links in customers' mails: signed, so that nobody makes one up, and with the time they were made."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from pydantic import SecretStr

from workers.runtime.errors import OrderopsError

MAX_AGE = timedelta(days=60)
"""No link opens anything after this, whatever its request says."""


class BrokenLink(OrderopsError):
    """Not one of our links, or not as we made it."""


class ExpiredLink(OrderopsError):
    """One of our links, made too long ago."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link carries: no secrets, no personal data."""

    request_id: str
    kind: str


class Links:
    """Makes and reads the links. The same secret signs and reads, in every process."""

    def __init__(self, secret: SecretStr, public_url: str) -> None:
        self._base = public_url.rstrip("/")
        self._signer = URLSafeTimedSerializer(
            secret.get_secret_value(), salt="customer-link", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def url_for(self, request_id: str, kind: str) -> str:
        """The address of the page on which the customer answers this request."""
        token = self._signer.dumps([request_id, kind])
        return f"{self._base}/c/{token}"

    def read(self, token: str, max_age: timedelta = MAX_AGE) -> Link:
        """What a token carries; raises BrokenLink or ExpiredLink."""
        try:
            request_id, kind = self._signer.loads(token, max_age=int(max_age.total_seconds()))
        except SignatureExpired as error:
            raise ExpiredLink("The link is too old.") from error
        except BadSignature as error:
            raise BrokenLink("The link is not one of ours.") from error
        return Link(request_id, kind)
