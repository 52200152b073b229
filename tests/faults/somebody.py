"""What happens to somebody: to their order, parcel, money, and to what they write. All personal data are canaries.

Each of WAYS begins with a trace of its own. Those of parcels, money and tickets are gone to their end.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from api.people import Role
from tests.engine.orders import an_order
from tests.engine.parcels import CARRIER, bought
from tests.engine.refund_desk import Desk
from tests.engine.shop_floor import Floor
from tests.engine.ticket_desk import BROKEN, HARM, SUGGESTION, WHERE, Customer
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_shop import MockShop
from workers.casefile.refund_models import Standing
from workers.ports.carriers import ParcelState
from workers.runtime.mocked import customers, webhooks
from workers.runtime.mocked.customers import Letter
from workers.runtime.mocked.webhooks import Webhook

CALLER = "00f067aa0ba902b7"
"""The span of whoever calls us."""
TRACED = ("order", "dispute", "refund", "ticket")
"""What has a trace of its own for each of them."""


@dataclass(frozen=True)
class Somebody:
    """Whose every personal field holds the canary."""

    floor: Floor
    number: int
    canary: str

    def trace(self, what: str) -> str:
        """The trace of one of TRACED."""
        return f"{self.number + 1:024x}{TRACED.index(what) + 1:08x}"

    def traced(self, what: str) -> dict[str, str]:
        """The header that begins this trace."""
        return {"traceparent": f"00-{self.trace(what)}-{CALLER}-01"}

    def order(self, **changes: Any) -> dict[str, Any]:
        """An order of theirs."""
        canary = self.canary
        address = {
            **an_order()["shipping_address"],
            "name": f"{canary} A", "address1": f"{canary}-Straße 5", "address2": canary, "phone": f"+49 {canary}",
            "company": canary,
        }  # fmt: skip
        more = {
            "email": f"{canary}@example.com", "contact_email": f"{canary}@example.com", "phone": canary,
            "note": canary,
            "customer": {"first_name": canary, "last_name": canary, "email": f"{canary}@example.com"},
            "billing_address": address, "shipping_address": address,
        }  # fmt: skip
        return an_order(**(more | changes))

    async def pays(self, order: dict[str, Any] | None = None) -> str:
        """The shop's webhook; the case."""
        return await self.floor.pay(order or self.order(), traceparent=self.traced("order")["traceparent"])

    async def is_told(self, told: Webhook, what: str) -> None:
        """Somebody's webhook reaches us."""
        secret = getattr(self.floor.app.settings, f"{told.sender}_secrets")[0].get_secret_value()
        at = int(time.time())
        told = webhooks.sealed(told, secret, at)
        signed = webhooks.signature(told.sender, secret, told.body, at)
        headers = {"Content-Type": "application/json", **signed, **self.traced(what)}
        answer = await self.floor.http.post(told.path, content=told.body, headers=headers)
        assert answer.is_success, answer.text

    async def gets_parcel(self) -> str:
        """Bought, sent and delivered to a neighbour; the case."""
        case = await self.pays()
        ordered = await bought(self.floor, case)
        number = await ordered.ships(told=False)
        await self.is_told(webhooks.shipped(ordered.supplier, ordered.supplier_order_id, number), "order")
        carriers, neighbour = MockCarriers(self.floor.world), f"left with {self.canary}"
        for state, text in ((ParcelState.IN_TRANSIT, ""), (ParcelState.DELIVERED, neighbour)):
            await carriers.scan(CARRIER, number, state, place="10115 Berlin, DE", text=text)
            moved = webhooks.moved(CARRIER, number, await carriers.scans(CARRIER, number))
            await self.is_told(moved, "order")
        assert await ordered.ends() == "delivered"
        return case

    async def writes(self, channel: str, text: str, order: dict[str, Any] | None) -> Customer:
        """About an order that no process of ours has heard of, or about none."""
        email = f"{self.canary}@example.com"
        if order is not None:
            await MockShop(self.floor.world).seed_order(order)
        signature = f"\n\n{self.canary} A\n{self.canary}-Straße 5\n10115 Berlin\n+49 {self.canary}"
        letter = Letter(channel, email, f"{self.canary} A", f"From {self.canary}", text + signature)
        told, ticket_id = customers.webhook(letter)
        await self.is_told(told, "ticket")
        return Customer(self.floor, order, email, ticket_id)


async def fine(one: Somebody) -> None:
    """Supplied, with mails."""
    await one.pays()


async def wrong_address(one: Somebody) -> None:
    """Asked, answered wrongly, then answered with another wrong address."""
    floor, canary, order = one.floor, one.canary, one.order()
    order["shipping_address"] |= {"zip": "1011", "city": canary}
    case = await one.pays(order)
    path = await floor.link_in_mail(case, "fulfillment_ask_for_address")
    form = {"name": canary, "street": f"{canary} 7", "street2": "", "postcode": "10115", "city": canary,
            "region": "", "country": canary}  # fmt: skip
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for country in (canary, "DE"):
        await floor.http.get(path)
        await floor.http.post(path, content=urlencode(form | {"country": country}), headers=headers)
    await floor.http.post(path, content=f"{canary}={canary}", headers=headers)
    await floor.http.get(f"{path}{canary}")


async def unreadable(one: Somebody) -> None:
    """An incident: the shop's order makes no sense."""
    await one.pays(one.order(created_at=f"yesterday, {one.canary}"))


async def unreachable(one: Somebody) -> None:
    """No mail can be sent to this."""
    await one.pays(one.order(email=f"{one.canary} at example", contact_email=one.canary))


async def unsupplied(one: Somebody) -> None:
    """A supplier that fails in the middle of it."""
    order = one.order()
    await one.floor.misbehave("supplier.place_order", "error_after", str(order["id"]), times=1)
    await one.pays(order)


async def bad_input(one: Somebody) -> None:
    """Everything that the api refuses, and addresses with a person's data in them."""
    floor, canary = one.floor, one.canary
    for spoilt in (one.order(id=canary), one.order(currency=[canary]), [canary], {canary: canary}):
        await floor.deliver("orders-paid", spoilt)  # type: ignore[arg-type]  # that it is none is the point
    raw = f'{{"email": "{canary}", "email": NaN'.encode()
    await floor.http.post("/webhooks/shopify/orders-paid", content=raw, headers={"X-Shopify-Hmac-Sha256": canary})
    await floor.http.get(f"/customers/{canary}", params={"mail": f"{canary}@example.com"})
    await floor.http.get(f"/c/{canary}")
    headers = {"Authorization": f"Bearer {floor.token}", "Idempotency-Key": canary}
    for body in ({"shopify_order_id": canary}, {"shopify_order_id": "1", canary: canary}):
        await floor.http.post("/processes/fulfillment/instances", json=body, headers=headers)
    await floor.http.post(f"/processes/fulfillment/messages/{canary}", json={"name": canary}, headers=headers)
    await floor.http.get(f"/cases/{canary}", headers={"Authorization": f"Bearer {canary}"})


async def disputes(one: Somebody) -> None:
    """Delivered; their bank claims the money back and gets to see their name and address."""
    floor, case = one.floor, await one.gets_parcel()
    dispute = await floor.bank.open_dispute(f"ch_{case}", "product_not_received")
    await one.is_told(webhooks.disputed(dispute, "created"), "dispute")
    await floor.until(case, "Task_AwaitVerdict")
    await one.is_told(webhooks.disputed(await floor.bank.close_dispute(dispute.id, won=True), "closed"), "dispute")
    assert await floor.ends(case, "chargeback") == "chargeback_won"


async def sends_back(one: Somebody) -> None:
    """Delivered, and part of the money goes back when a lead has approved it in their own words."""
    floor, desk = one.floor, Desk(one.floor, await one.gets_parcel(), 11_900)
    refund_id = f"{desk.order_id}-back"
    asked = {"refund_id": refund_id, "shopify_order_id": desk.order_id, "amount": "60.00", "currency": "EUR",
             "reason": "changed_mind", "evidence": f"https://helpdesk.example/{one.canary}"}  # fmt: skip
    headers = {"Authorization": f"Bearer {floor.token}", "Idempotency-Key": str(uuid4()), **one.traced("refund")}
    answer = await floor.http.post("/refunds", json=asked, headers=headers)
    assert answer.status_code == 202, answer.text
    task, lead = await desk.task(refund_id), await desk.somebody(Role.LEAD)
    answer = await desk.complete(task, lead, {"decision": "approve", "why": f"{one.canary} called"})
    assert answer.status_code == 200, answer.text
    await desk.stands(refund_id, Standing.SETTLED)


async def asks_by_mail(one: Somebody) -> None:
    """Where it is; answered by itself."""
    await (await one.writes("mail", WHERE, one.order())).reaches("Gateway_AwaitReply")


async def complains_at_helpdesk(one: Somebody) -> None:
    """Broken and cheap: paid back by itself."""
    order = one.order(total_price="15.00")
    order["line_items"][0]["price"] = "15.00"
    await (await one.writes("zendesk", BROKEN, order)).reaches("Gateway_AwaitReply")


async def is_hurt(one: Somebody) -> None:
    """People are woken, and one of them writes."""
    customer = await one.writes("chat", HARM, one.order())
    task = await customer.task("Task_HandleEscalation")
    reply = {"escalation_decision": "answer", "escalation_reply": f"Dear {one.canary}, we call you today."}
    answer = await one.floor.complete(task, reply)
    assert answer.status_code == 200, answer.text
    await customer.reaches("Gateway_AwaitReply")


async def wants_advice(one: Somebody) -> None:
    """Nobody knows them; a person answers."""
    customer = await one.writes("chat", SUGGESTION, None)
    await customer.is_answered("send", reply=f"Dear {one.canary}, it takes an E27 bulb.")
    await customer.reaches("Gateway_AwaitReply")


Way = Callable[[Somebody], Awaitable[None]]
WAYS: tuple[Way, ...] = (
    fine, wrong_address, unreadable, unreachable, unsupplied, bad_input,
    disputes, sends_back, asks_by_mail, complains_at_helpdesk, is_hurt, wants_advice,
)  # fmt: skip
