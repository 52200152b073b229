"""Refunds in the place of purchases: how they are asked for, and what the provider's own books say of them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from sqlalchemy import any_, func, select

from api.main import create_bridge
from tests.faults.kills.plan import Plan, refund_of
from workers.adapters.mock_books import MailRow, PostingRow, RefundRow
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.refund_models import Refund, Standing
from workers.runtime.bootstrap import assemble
from workers.runtime.demo import books
from workers.runtime.settings import Settings

Found = tuple[list[int], list[bool], list[str], int]
"""By order how often it was asked for and whether all is done; orders with wrong books; how many were approved."""
AMOUNT = 1_999
"""Minor units: damaged goods, so that nobody has to approve it."""


def variables_of(order_id: str) -> dict[str, Any]:
    """What the process is started with."""
    return {
        "shopify_order_id": order_id,
        "refund_id": refund_of(order_id),
        "amount": AMOUNT,
        "currency": "EUR",
        "reason": "damaged",
        "requested_by": "program:kills",
    }


@asynccontextmanager
async def records_taken_in(plan: Plan) -> AsyncIterator[None]:
    """The engine's records decide whether money may go back: somebody has to take them in."""
    settings = Settings.model_validate(dict(plan.settings))
    with socket.socket() as probe:
        if probe.connect_ex((settings.bridge_host, settings.bridge_port)) == 0:
            yield  # this session has a bridge already
            return
    async with assemble(settings) as app:
        config = uvicorn.Config(
            create_bridge(app), host=settings.bridge_host, port=settings.bridge_port, log_level="warning"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        try:
            yield
        finally:
            server.should_exit = True
            await serving


async def count(plan: Plan, database: Database) -> tuple[int, int]:
    """Refunds made, and refunds that the customer was told of: the last step."""
    orders = books.array_of(plan.orders)
    keys = books.array_of(f"mail:{refund_of(one)}-refunded" for one in plan.orders)
    async with database.sessions() as session:
        made = select(func.count()).where(RefundRow.order_id == any_(orders))
        told = select(func.count()).where(MailRow.key == any_(keys))
        return await session.scalar(made) or 0, await session.scalar(told) or 0


async def read(plan: Plan, database: Database, world: MockWorld) -> Found:
    """Asked for at the provider; wrong are amounts; approved in our books."""
    orders = books.array_of(plan.orders)
    made = await world.rows(select(RefundRow).where(RefundRow.order_id == any_(orders)))
    booked = await world.rows(
        select(PostingRow).where(PostingRow.order_id == any_(orders), PostingRow.account == "REFUNDS")
    )
    mails = await world.rows(select(MailRow).where(MailRow.order_id == any_(orders)))
    async with database.sessions() as session:
        ours = (await session.scalars(select(Refund).where(Refund.case_id == any_(orders)))).all()
    asked = dict.fromkeys(plan.orders, 0)
    paid: dict[str, list[int]] = {one: [] for one in plan.orders}
    ledger: dict[str, list[int]] = {one: [] for one in plan.orders}
    for row in made:
        asked[row.order_id] += row.requests
        paid[row.order_id].append(row.amount_minor)
    for posting in booked:
        ledger[posting.order_id].append(posting.amount_minor)
    told = {mail.order_id for mail in mails}
    settled = {refund.case_id for refund in ours if refund.state == Standing.SETTLED}
    wrong = [one for one in plan.orders if paid[one] != [AMOUNT] or ledger[one] != [AMOUNT]]
    finished = [one in told and one in settled for one in plan.orders]
    approved = sum(refund.state not in {Standing.REQUESTED, Standing.REJECTED} for refund in ours)
    return list(asked.values()), finished, wrong, approved
