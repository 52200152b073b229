"""That a request was wanted by the person whose browser sends it: from our own page, with what only that knows."""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request

from api import form_body
from api.errors import Problem
from workers.runtime.settings import Settings

FIELD = "csrf"
HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def same_site(request: Request, settings: Settings) -> None:
    """403 for a form sent from another site, as far as the browser says so."""
    fetched_from = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = {urlsplit(settings.public_url).netloc, request.headers.get("host")}
    foreign = origin is not None and urlsplit(origin).netloc not in own
    if foreign or fetched_from not in {"same-origin", "none"}:
        raise Problem("forbidden", "The form was sent from another site.")


def token_for(cookie: str) -> str:
    """What our pages put into their forms: made from a cookie that scripts cannot read and others do not have."""
    return hmac.digest(cookie.encode(), b"csrf", hashlib.sha256).hex()


def fits(cookie: str, sent: str) -> bool:
    """Whether a form came from a page that was made for this cookie; in constant time. Without one none did."""
    return bool(cookie) and hmac.compare_digest(token_for(cookie).encode(), sent.encode(errors="replace"))


async def check(request: Request, settings: Settings, cookie: str) -> None:
    """403 unless our own page sent this. A form's fields are kept in `request.state.form`."""
    same_site(request, settings)
    sent = request.headers.get(HEADER, "")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == form_body.TYPE:
        _, fields = await form_body.read(request)
        sent = fields.pop(FIELD, "")
        request.state.form = fields
    if not fits(cookie, sent):
        raise Problem("forbidden", "This page is out of date: load it again.")
