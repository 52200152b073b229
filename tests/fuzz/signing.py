"""Signs the webhooks that Schemathesis makes up, so that what is behind the signature is asked, too.

Loaded by Schemathesis itself (SCHEMATHESIS_HOOKS). One delivery in five stays as it was made up, and so does each
whose headers are wrong on purpose.
"""

import base64
import hashlib
import hmac
import os
import random
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests
import schemathesis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.auth import AuthBase
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

from workers.adapters.mock_certificates import signed_headers
from workers.runtime.mocked.webhooks import signature

PAYPAL_KEY = "FUZZ_PAYPAL_KEY"
"""The key that PayPal's deliveries are signed with, as PEM."""
_FORM = "application/x-www-form-urlencoded"
_chance = random.Random(1)


class Signed(AuthBase):
    """Signs what is about to be sent, whatever it became."""

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        assert isinstance(body, bytes)
        if self._sender == "mail":
            if _FORM in str(request.headers.get("Content-Type", "")):
                request.prepare_body(_mail(body.decode("latin-1")), None)
        else:
            request.headers.update(_headers(self._sender, body))
        return request


@schemathesis.hook
def before_call(_context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Sign a delivery."""
    sender = sender_of(case.operation.path, case.path_parameters or {})
    headers = case.meta.components.get(ParameterLocation.HEADER) if case.meta else None
    wrong = headers is not None and headers.mode == GenerationMode.NEGATIVE
    if sender and not wrong and _chance.random() > 0.2:  # no secret
        kwargs["auth"] = Signed(sender)


def sender_of(path: str, parameters: dict[str, Any]) -> str | None:
    """Who delivers there; None when it is no webhook, or of nobody we know."""
    _, root, first = [*path.split("/"), "", ""][:3]
    if root != "webhooks":
        return None
    if first == "carriers":
        service = parameters.get("service")
        return service if service in {"easypost", "aftership"} else None
    return {"suppliers": "supplier"}.get(first, first)


def _headers(sender: str, body: bytes) -> dict[str, str]:
    if sender == "paypal":
        key = serialization.load_pem_private_key(os.environ[PAYPAL_KEY].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        webhook = os.environ["ORDEROPS_PAYPAL_WEBHOOK_IDS"].split(",")[0]
        return signed_headers(key, body, webhook, str(uuid.uuid4()), datetime.now(UTC))
    secret = _secret(sender)
    if sender == "shopify":
        digest = hmac.digest(secret.encode(), body, hashlib.sha256)
        return {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()}
    return signature(sender, secret, body, int(time.time()))


def _mail(body: str) -> str:
    at, token = str(int(time.time())), uuid.uuid4().hex
    signed = hmac.digest(_secret("mail").encode(), (at + token).encode(), hashlib.sha256).hex()
    proof = {"timestamp": at, "token": token, "signature": signed}
    kept = [pair for pair in parse_qsl(body, keep_blank_values=True) if pair[0] not in proof]
    return urlencode([*kept, *proof.items()])


def _secret(sender: str) -> str:
    return os.environ[f"ORDEROPS_{sender.upper()}_SECRETS"].split(",")[0]
