"""Suppliers who send, carriers who bring, customers who complain, and banks.

Each acts in books of its own, and tells us by a webhook, signed as theirs are.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
from sqlalchemy import all_, any_, select

from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_books import DisputeRow, SupplierOrderRow
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_catalogue import SUPPLIERS
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_supplier import MockSuppliers, order_number
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.models import Case
from workers.ports.carriers import ParcelState
from workers.ports.payments import DisputeState
from workers.runtime.demo.books import array_of, order_of
from workers.runtime.demo.plan import DISPUTES, Journey, Planned
from workers.runtime.mocked import webhooks
from workers.runtime.mocked.webhooks import Webhook

CARRIER = "dhl"
SIGNERS = ("shopify", "supplier", "aftership", "stripe", "zendesk")
"""Whose webhooks there are."""
_REFERENCE = re.compile(r"orderops-(\d+)(-.+)?")
_LOOK_EVERY_SECONDS = 0.5
_AT_ONCE = 8
_GIVEN_BACK_PERCENT = 20
_LAST_SCAN = {
    Journey.LOST: ParcelState.LOST,
    Journey.QUIET: ParcelState.IN_TRANSIT,
}
"""Of a parcel that does not arrive."""


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The newest secret of each, by who signs with it, from an instance's settings."""
    return {name: environment[f"ORDEROPS_{name.upper()}_SECRETS"].split(",")[0] for name in SIGNERS}


@dataclass
class Outside:
    """Everybody outside who acts. `run` until cancelled."""

    http: httpx.AsyncClient
    world: MockWorld
    database: Database
    token: str
    secrets: Mapping[str, str]
    """By who signs with it: supplier, aftership, stripe."""
    plan: Mapping[str, Planned]
    _sent: set[str] = field(default_factory=set)
    """References of the supplier orders that are on their way."""
    _complained: set[str] = field(default_factory=set)
    """Cases whose customers have done what they were to do after the delivery."""
    _decided: set[str] = field(default_factory=set)
    """Disputes of which the api knows how they ended."""

    async def run(self) -> None:
        """Look for what there is to do, and do it."""
        while True:
            await self.look_once()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def look_once(self) -> None:
        """Do what there is to do; what the api cannot take at the moment is told again at the next look."""
        await self._send_parcels()
        with suppress(httpx.HTTPError):
            await self._complain()
        with suppress(httpx.HTTPError):
            await self._decide_disputes()

    async def _send_parcels(self) -> None:
        of_plan = order_of(SupplierOrderRow) == any_(array_of(self.plan))
        new = select(SupplierOrderRow).where(of_plan, SupplierOrderRow.reference != all_(array_of(self._sent)))
        rows = iter(await self.world.rows(new.order_by(SupplierOrderRow.number)))
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._send_some(rows))

    async def _send_some(self, rows: Iterable[SupplierOrderRow]) -> None:
        for row in rows:
            with suppress(httpx.HTTPError):
                await self._send(row)
                self._sent.add(row.reference)

    async def _send(self, row: SupplierOrderRow) -> None:
        """A supplier hands its parcels over, and the carrier brings them as planned. Harmless to repeat."""
        journey = self._journey(row.reference)
        count = 2 if journey is Journey.TWO_PARCELS else 1
        numbers = [f"JD{row.number}{part}" for part in range(1, count + 1)]
        suppliers = MockSuppliers(self.world)
        for number in numbers:
            last = number == numbers[-1]
            await suppliers.ship(row.supplier, row.reference, number, CARRIER, complete=last)
            await self._tell(webhooks.shipped(row.supplier, order_number(row), number))
        if journey is Journey.LOST:
            await self._sell_out(row.reference)
        for number in numbers:
            await self._scan(number, ParcelState.IN_TRANSIT)
            if (state := _LAST_SCAN.get(journey, ParcelState.DELIVERED)) is not ParcelState.IN_TRANSIT:
                await self._scan(number, state)

    def _journey(self, reference: str) -> Journey:
        """What was sent again arrives."""
        found = _REFERENCE.fullmatch(reference)
        assert found is not None  # noqa: S101  # selected by it
        return Journey.DELIVERED if found[2] else self.plan[found[1]].journey

    async def _sell_out(self, reference: str) -> None:
        """Nobody has what was lost any more."""
        case_id = reference.partition("-")[2]
        for supplier in SUPPLIERS:
            await misbehave(self.world, "supplier.get_offers", Kind.OUT_OF_STOCK, case_id, supplier)

    async def _scan(self, number: str, state: ParcelState) -> None:
        carriers = MockCarriers(self.world)
        await carriers.scan(CARRIER, number, state)
        await self._tell(webhooks.moved(CARRIER, number, await carriers.scans(CARRIER, number)))

    async def _complain(self) -> None:
        """What is delivered is damaged, or is disputed at the bank, where that is planned."""
        planned = {Journey.DAMAGED, *DISPUTES}
        cases = [one.case_id for one in self.plan.values() if one.journey in planned]
        delivered = select(Case).where(
            Case.id.in_(set(cases) - self._complained), Case.state == "done", Case.outcome == "delivered"
        )
        async with self.database.sessions() as session:
            found: Sequence[Case] = (await session.scalars(delivered)).all()
        for case in found:
            if self.plan[case.id].journey is Journey.DAMAGED:
                await self._ask_for_refund(case)
            else:
                await self._dispute(case.id, self.plan[case.id].journey)
            self._complained.add(case.id)

    async def _ask_for_refund(self, case: Case) -> None:
        """Support asks for a part of the money for the dearest article, as its helpdesk program does."""
        dearest = max((case.shop_order or {})["parts"], key=lambda part: int(part["amount"]))
        fifth = max(1, (case.total_minor or 0) * _GIVEN_BACK_PERCENT // 100)
        asked = {
            "refund_id": f"{case.id}-damaged",
            "shopify_order_id": case.id,
            "amount_minor": min(fifth, dearest["amount"]),
            "parts": [{"id": dearest["id"], "quantity": dearest["quantity"]}],
            "currency": case.currency,
            "reason": "damaged",
        }
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"demo-{case.id}"}
        (await self.http.post("/refunds", json=asked, headers=headers)).raise_for_status()

    async def _dispute(self, case_id: str, journey: Journey) -> None:
        bank = MockPayments(self.world)
        charge = await bank.charge_of(case_id)
        dispute = await bank.open_dispute(charge.id, DISPUTES[journey].reason)
        await self._tell(webhooks.disputed(dispute, "created"))

    async def _decide_disputes(self) -> None:
        """A bank decides once it has our evidence, and says so until the api has taken it."""
        answered = select(DisputeRow).where(
            DisputeRow.state.in_((DisputeState.UNDER_REVIEW, DisputeState.WON, DisputeState.LOST)),
            DisputeRow.order_id == any_(array_of(self.plan)),
            DisputeRow.id != all_(array_of(self._decided)),
        )
        for row in await self.world.rows(answered):
            won = DISPUTES[self.plan[row.order_id].journey].won
            closed = await MockPayments(self.world).close_dispute(row.id, won=won)
            await self._tell(webhooks.disputed(closed, "closed"))
            self._decided.add(row.id)

    async def _tell(self, told: Webhook) -> None:
        """Until it is taken; raises HTTPError when that takes too long, or it is refused."""
        signed = webhooks.signature(told.sender, self.secrets[told.sender], told.body, int(time.time()))
        headers = {"Content-Type": "application/json", "X-Request-Id": uuid.uuid4().hex, **signed}
        (await self.http.post(told.path, content=told.body, headers=headers)).raise_for_status()
