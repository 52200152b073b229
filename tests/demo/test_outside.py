"""Suppliers, carriers, customers and banks of the demo: each tells us once, signed, and again until we took it."""

import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import select, update

from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.mock_books import DisputeRow, ShipmentRow
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.models import Case
from workers.ports.values import Money
from workers.runtime.demo.outside import SIGNERS, Outside
from workers.runtime.demo.plan import Journey, planned
from workers.runtime.mocked.webhooks import signature

SECRETS = dict.fromkeys(SIGNERS, "s3cret")
COST = Money(2_497, "EUR")


@dataclass
class Api:
    """An api that keeps what it took, and takes nothing for the next `away` requests."""

    took: list[httpx.Request] = field(default_factory=list)
    away: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            self.away -= 1
            return httpx.Response(503)
        self.took.append(request)
        return httpx.Response(202)

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.took]


@dataclass
class Trial:
    """One order whose goods are bought, and everybody outside."""

    order_id: str
    api: Api
    outside: Outside
    world: MockWorld
    database: Database

    async def ended(self, outcome: str) -> None:
        """The case file says so."""
        order = await MockShop(self.world).get_order(self.order_id)
        await Cases(self.database).describe("tracking", order)
        ended = update(Case).where(Case.id == self.order_id).values(state="done", outcome=outcome)
        async with self.database.transaction() as session:
            await session.execute(ended)


@pytest.fixture
async def trial(request: pytest.FixtureRequest, database: Database, database_url: str) -> AsyncIterator[Trial]:
    order_id, api = str(uuid.uuid4().int % 10**15), Api()
    order = shopify_order(order_id)
    plan = {order_id: planned(order, (), request.param, repeated=False, fresh=False)}
    http = httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(api.answer))
    async with MockWorld(database_url) as world, http:
        await MockShop(world).seed_order(order)
        await MockSuppliers(world).place_order("cj", f"orderops-{order_id}", LINES, ADDRESS, COST)
        yield Trial(order_id, api, Outside(http, world, database, "token", SECRETS, plan), world, database)


def of(journey: Journey) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("trial", [journey], indirect=True)


@of(Journey.DELIVERED)
async def test_a_parcel_is_sent_seen_and_delivered_and_each_is_told_once(trial: Trial) -> None:
    await trial.outside.look_once()
    await trial.outside.look_once()
    assert trial.api.paths == [
        "/webhooks/suppliers/cj",
        "/webhooks/carriers/aftership",
        "/webhooks/carriers/aftership",
    ]
    shipped = trial.api.took[0]
    at = int(shipped.headers["X-Orderops-Timestamp"])
    signed = signature("supplier", "s3cret", shipped.content, at)
    assert shipped.headers["X-Orderops-Signature"] == signed["X-Orderops-Signature"]
    assert abs(at - time.time()) < 60


@of(Journey.TWO_PARCELS)
async def test_two_parcels_are_told_of_before_either_is_seen(trial: Trial) -> None:
    await trial.outside.look_once()
    assert trial.api.paths == ["/webhooks/suppliers/cj"] * 2 + ["/webhooks/carriers/aftership"] * 4
    numbers = {json.loads(request.content)["tracking_number"] for request in trial.api.took[:2]}
    assert len(numbers) == 2


@of(Journey.QUIET)
async def test_a_parcel_that_stands_still_is_seen_once(trial: Trial) -> None:
    await trial.outside.look_once()
    assert trial.api.paths == ["/webhooks/suppliers/cj", "/webhooks/carriers/aftership"]


@of(Journey.LOST)
async def test_what_is_lost_nobody_has_any_more(trial: Trial) -> None:
    await trial.outside.look_once()
    offers = await MockSuppliers(trial.world).get_offers(trial.order_id, LINES, "DE")
    assert not any(offer.in_stock for offer in offers)


@of(Journey.DELIVERED)
async def test_what_the_api_cannot_take_is_told_again_and_the_books_know_one_parcel(trial: Trial) -> None:
    trial.api.away = 2
    await trial.outside.look_once()
    assert trial.api.took == []
    await trial.outside.look_once()
    await trial.outside.look_once()
    assert trial.api.paths.count("/webhooks/suppliers/cj") == 1
    ours = ShipmentRow.reference == f"orderops-{trial.order_id}"
    [shipment] = await trial.world.rows(select(ShipmentRow).where(ours))
    assert len(shipment.parcels) == 1


@of(Journey.DAMAGED)
async def test_a_fifth_is_asked_back_for_what_arrived_damaged(trial: Trial) -> None:
    await trial.ended("delivered")
    await trial.outside.look_once()
    await trial.outside.look_once()
    [asked] = [request for request in trial.api.took if request.url.path == "/refunds"]
    body = json.loads(asked.content)
    assert (body["amount_minor"], body["reason"]) == (999, "damaged")
    assert body["parts"] == [{"id": "1", "quantity": 2}], "the two lamps, not the cable"


@of(Journey.DISPUTE_WON)
async def test_what_is_disputed_is_told_of_once(trial: Trial) -> None:
    await trial.ended("delivered")
    await trial.outside.look_once()
    await trial.outside.look_once()
    assert trial.api.paths.count("/webhooks/stripe") == 1


@of(Journey.DISPUTE_LOST)
async def test_how_a_dispute_ended_is_told_until_the_api_has_taken_it(trial: Trial) -> None:
    await trial.ended("delivered")
    await trial.outside.look_once()
    [dispute] = await trial.world.rows(select(DisputeRow).where(DisputeRow.order_id == trial.order_id))
    await MockPayments(trial.world).submit_evidence(dispute.id, {"customer_name": "Ada"})
    trial.api.away = 1
    for _ in range(3):
        await trial.outside.look_once()
    told = [json.loads(each.content)["type"] for each in trial.api.took if each.url.path == "/webhooks/stripe"]
    assert told == ["charge.dispute.created", "charge.dispute.closed"]
