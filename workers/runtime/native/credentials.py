"""Secrets of a local instance: made once, readable by its owner only."""

import json
import os
import secrets
from pathlib import Path

NAMES = (
    "ORDEROPS_SHOPIFY_SECRETS",
    "ORDEROPS_SUPPLIER_SECRETS",
    "ORDEROPS_EASYPOST_SECRETS",
    "ORDEROPS_AFTERSHIP_SECRETS",
    "ORDEROPS_ZENDESK_SECRETS",
    "ORDEROPS_MAIL_SECRETS",
    "ORDEROPS_CHAT_SECRETS",
    "ORDEROPS_STRIPE_SECRETS",
    "ORDEROPS_PAYPAL_WEBHOOK_IDS",
    "ORDEROPS_API_TOKENS",
    "ORDEROPS_LINK_SECRET",
    "ORDEROPS_RECORDS_PASSWORD",
    "ORDEROPS_WEBAPPS_PASSWORD",
)


def load_credentials(state_dir: Path) -> dict[str, str]:
    """The instance's secrets by the name of their setting; made at the first call, the same ever after."""
    path = state_dir / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if missing := [name for name in NAMES if name not in known]:
        known |= {name: secrets.token_urlsafe(32) for name in missing}
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(known, file, indent=2)
        fresh.rename(path)
    return known
