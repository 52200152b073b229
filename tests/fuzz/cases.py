"""Some orders before the requests begin, so that there are cases, tasks and incidents to be asked for."""

import base64
import hashlib
import hmac

import httpx
import orjson
from sqlalchemy import create_engine, select
from sqlalchemy.dialects.postgresql import insert

from tests.engine.orders import an_order, wrong_address
from workers.adapters.mock_books import ShopOrderRow, SignerRow
from workers.adapters.mock_certificates import MockCertificates
from workers.runtime.native.stack import Stack

ORDERS = 12


def deliver(stack: Stack) -> str:
    """Half of the orders have an address that somebody has to correct. Gives the key that PayPal signs with."""
    orders = [
        an_order(**({"shipping_address": wrong_address(), "email": ""} if number % 2 else {}))
        for number in range(ORDERS)
    ]
    database = create_engine(stack.database_url)
    with database.begin() as connection:
        connection.execute(insert(ShopOrderRow), [{"id": str(order["id"]), "body": order} for order in orders])
        made = MockCertificates().made()
        connection.execute(insert(SignerRow).values(id=1, **made).on_conflict_do_nothing())
        key: str = connection.execute(select(SignerRow.key)).scalar_one()
    database.dispose()
    secret = stack.environment()["ORDEROPS_SHOPIFY_SECRETS"].split(",")[0].encode()
    with httpx.Client(base_url=stack.api_url, timeout=30) as http:
        for order in orders:
            body = orjson.dumps(order)
            signature = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
            headers = {"X-Shopify-Hmac-Sha256": signature, "Content-Type": "application/json"}
            http.post("/webhooks/shopify/orders-paid", content=body, headers=headers).raise_for_status()
    return key
