"""The bank that claims payments back, at its provider: what it claims, decides and tells."""

import asyncio
from typing import Any, cast

import httpx
import orjson
from sqlalchemy import select
from stripe import WebhookSignature

from tests.engine.orders import an_order
from tests.engine.shop_floor import SECRET, Floor
from workers.adapters.mock_books import DisputeRow, EventRow
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.casefile.cases import Entry
from workers.ports.carriers import ParcelState
from workers.ports.payments import Dispute
from workers.ports.values import Money


class Bank:
    """A customer's bank, as the floor meets it: what it claims, decides, and what its provider tells us."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.payments = MockPayments(floor.world)

    async def claims(
        self, reason: str = "product_not_received", delivered: bool = True, told: bool = True, **changes: Any
    ) -> Dispute:
        """Claim the payment of an order that was sent, by default, and brought where it was to go."""
        order = an_order(**changes)
        case_id = await MockShop(self.floor.world).seed_order(order)
        if delivered:
            await self.was_delivered(case_id)
        return await self.claims_of(case_id, reason, told=told)

    async def claims_of(
        self, case_id: str, reason: str = "product_not_received", told: bool = True, amount: Money | None = None
    ) -> Dispute:
        """Claim the payment of an order that is there, and let the provider tell us."""
        dispute = await self.payments.open_dispute(f"ch_{case_id}", reason, amount)
        if told:
            await self.tells(dispute, "created")
        return dispute

    async def was_delivered(self, case_id: str) -> None:
        """A parcel of the order was delivered in Berlin, and its case file knows its number."""
        number = f"JD{case_id}"
        carriers = MockCarriers(self.floor.world)
        await carriers.scan("dhl", number, ParcelState.IN_TRANSIT, place="Leipzig")
        await carriers.scan("dhl", number, ParcelState.DELIVERED, place="10115 Berlin, DE")
        facts = {"carrier": "dhl", "tracking_number": number}
        entry = Entry(case_id, f"parcel:{number}", "parcel_sent", f"Parcel {number} is on its way", facts)
        await self.floor.app.cases.write(entry)

    async def tells(self, dispute: Dispute, what: str, times: int = 1) -> None:
        """Stripe's webhook, so many times at once."""
        event = {"type": f"charge.dispute.{what}", "data": {"object": {"id": dispute.id}}}
        raw = orjson.dumps(event)

        async def deliver() -> httpx.Response:
            signature = cast(str, WebhookSignature.generate_signature_header(raw.decode(), SECRET))
            headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
            return await self.floor.http.post("/webhooks/stripe", content=raw, headers=headers)

        for answer in await asyncio.gather(*(deliver() for _ in range(times))):
            assert answer.status_code == 200, answer.text

    async def decides(self, dispute: Dispute, *, won: bool, told: bool = True) -> None:
        """The dispute is closed, and the provider tells us, or its message gets lost."""
        await self.payments.close_dispute(dispute.id, won=won)
        if told:
            await self.tells(dispute, "closed")

    async def row(self, dispute: Dispute) -> DisputeRow:
        """The dispute in the provider's own books."""
        return await self.floor.world.one(select(DisputeRow).where(DisputeRow.id == dispute.id))

    async def awaits_verdict(self, dispute: Dispute, times: int = 1) -> None:
        """Everything of ours is done, so often; now the bank has to decide."""
        await self.floor.until(dispute.order_id, "Task_AwaitVerdict", times=times)

    async def ends(self, dispute: Dispute) -> str:
        """How the chargeback ended."""
        return await self.floor.ends(dispute.order_id, "chargeback")

    async def booked(self, dispute: Dispute) -> list[tuple[str, int]]:
        """What stands in our books because of the dispute."""
        rows = [row for row in await self.floor.booked(dispute.order_id) if row.account == "CHARGEBACKS"]
        return [(row.memo, row.amount_minor) for row in rows]

    async def announced(self, dispute: Dispute) -> list[str]:
        """What other systems heard of the dispute."""
        query = select(EventRow).where(EventRow.payload["dispute_id"].astext == dispute.id)
        return [row.name for row in await self.floor.world.rows(query.order_by(EventRow.number))]
