"""What every job of triage promises, a row per job; a job without a row is told."""

import pytest

from tests.processes import ticket_promises as promised
from tests.processes.ticket_bench import NORMAL, Promise, TicketBench
from workers.casefile.db import Database
from workers.triage import registration

PROMISES = {
    "get_history": Promise(
        lambda b: b.triage.get_history(b.ticket_id), lambda b: b.helpdesk, "history", acts=False
    ),
    "get_orders": Promise(lambda b: b.triage.get_orders(b.ticket_id), lambda b: b.shop, "find_orders", acts=False),
    "analyse_messages": Promise(lambda b: b.analyse(), lambda b: b.shop, "find_orders", acts=False),
    "write_context": Promise(
        lambda b: b.triage.write_context(b.ticket_id, b.number, b.case_id, NORMAL),
        lambda b: b.shop,
        method="",  # by our own books alone
        acts=False,
    ),
    "publish_ticket_triaged": Promise(
        lambda b: b.triage.publish_ticket_triaged(b.ticket_id, b.number, b.case_id, "tracking", 5, "normal"),
        lambda b: b.events,
        "publish",
    ),
    "reopen_ticket": Promise(
        lambda b: b.triage.reopen_ticket(b.ticket_id, b.number, b.case_id), lambda b: b.helpdesk, "set_status"
    ),
    "close_ticket": Promise(
        lambda b: b.triage.close_ticket(b.ticket_id, b.number, b.case_id), lambda b: b.helpdesk, "set_status"
    ),
}
every_job = pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
ACTING = {name: promise for name, promise in PROMISES.items() if promise.acts}
ASKING = {name: promise for name, promise in PROMISES.items() if promise.method}
every_acting_job = pytest.mark.parametrize("promise", ACTING.values(), ids=ACTING)


@pytest.fixture
async def bench(database: Database) -> TicketBench:
    bench = TicketBench(database)
    await bench.write()
    await bench.looked_at()
    return bench


def test_every_job_has_a_row(bench: TicketBench) -> None:
    assert {job.type for job in registration(bench.triage).jobs} == {f"triage.{name}" for name in PROMISES}


@every_job
async def test_called_twice_it_acts_once(bench: TicketBench, promise: Promise) -> None:
    await promised.twice(bench, promise)


@every_job
async def test_several_workers_at_once_act_once(bench: TicketBench, promise: Promise) -> None:
    await promised.at_once(bench, promise)


@pytest.mark.parametrize("promise", ASKING.values(), ids=ASKING)
async def test_while_the_other_side_is_away_it_waits(bench: TicketBench, promise: Promise) -> None:
    await promised.away(bench, promise)


@every_acting_job
async def test_when_the_answer_was_lost_it_is_settled(bench: TicketBench, promise: Promise) -> None:
    await promised.lost(bench, promise)
