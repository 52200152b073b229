"""What every job of resolution promises, a row per job; a job without a row is told."""

import pytest

from tests.processes import ticket_promises as promised
from tests.processes.ticket_bench import Promise, TicketBench
from workers.casefile.db import Database
from workers.contracts.resolution import Decision, Route, Said
from workers.resolution import registration

PROMISES = {
    "draft_reply": Promise(
        lambda b: b.resolution.draft_reply(
            ticket_id=b.ticket_id,
            message_number=b.number,
            route=Route.AUTO_REPLY,
            intent="tracking",
            safety=False,
            language="en",
        ),
        acts=False,
    ),
    "record_answer": Promise(
        lambda b: b.resolution.record_answer(
            ticket_id=b.ticket_id,
            message_number=b.number,
            case_id=b.case_id,
            asked=Route.ASK_HUMAN,
            answer=Said(Decision.SEND, "Yes."),
            safety=False,
            why="Why",
        ),
        acts=False,
    ),
    "send_reply": Promise(
        lambda b: b.resolution.send_reply(
            ticket_id=b.ticket_id,
            message_number=b.number,
            case_id=b.case_id,
            reply="Yes.",
            route=Route.AUTO_REPLY,
            why="Why",
        ),
        lambda b: b.helpdesk,
        "send_reply",
    ),
    "set_pending": Promise(
        lambda b: b.resolution.set_pending(b.ticket_id, b.case_id), lambda b: b.helpdesk, "set_status"
    ),
    "set_solved": Promise(
        lambda b: b.resolution.set_solved(b.ticket_id, b.case_id), lambda b: b.helpdesk, "set_status"
    ),
    "publish_ticket_solved": Promise(
        lambda b: b.resolution.publish_ticket_solved(b.ticket_id, b.case_id), lambda b: b.events, "publish"
    ),
    "remind_agents": Promise(
        lambda b: b.resolution.remind_agents(b.ticket_id, b.case_id, "support"), lambda b: b.alerts, "post"
    ),
    "report_breach": Promise(
        lambda b: b.resolution.report_breach(b.ticket_id, b.case_id, "support"), lambda b: b.alerts, "post"
    ),
}
every_job = pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
ONE = {name: promise for name, promise in PROMISES.items() if promise.acts and name != "report_breach"}
every_acting_job = pytest.mark.parametrize("promise", ONE.values(), ids=ONE)


@pytest.fixture
async def bench(database: Database) -> TicketBench:
    bench = TicketBench(database)
    await bench.write()
    await bench.looked_at()
    await bench.completed()
    return bench


def test_every_job_has_a_row(bench: TicketBench) -> None:
    assert {job.type for job in registration(bench.resolution).jobs} == {f"resolution.{name}" for name in PROMISES}


@pytest.mark.parametrize("name", [name for name in PROMISES if name != "report_breach"])
async def test_called_twice_it_acts_once(bench: TicketBench, name: str) -> None:
    await promised.twice(bench, PROMISES[name])


@pytest.mark.parametrize("name", [name for name in PROMISES if name != "report_breach"])
async def test_several_workers_at_once_act_once(bench: TicketBench, name: str) -> None:
    await promised.at_once(bench, PROMISES[name])


@every_acting_job
async def test_while_the_other_side_is_away_it_waits(bench: TicketBench, promise: Promise) -> None:
    await promised.away(bench, promise)


@every_acting_job
async def test_when_the_answer_was_lost_it_is_settled(bench: TicketBench, promise: Promise) -> None:
    await promised.lost(bench, promise)


async def test_a_breach_is_told_to_the_lead_and_announced_each_once(bench: TicketBench) -> None:
    for _ in range(2):
        await bench.resolution.report_breach(bench.ticket_id, bench.case_id, "support")
    assert len(bench.alerts.posts) == 1
    assert [event.name for event in bench.events.events.values()] == ["sla_breached"]
