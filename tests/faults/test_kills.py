"""SIGKILL at five points around a purchase: the short form of `make kills`, on the session's engine."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from pyzeebe.proto.gateway_pb2 import CompleteJobResponse, UpdateJobTimeoutResponse
from pyzeebe.proto.gateway_pb2_grpc import GatewayServicer, add_GatewayServicer_to_server

from tests.containers import Containers
from tests.faults.kills import report
from tests.faults.kills.plan import POINTS, PURCHASES, REFUNDS, TICKETS, Deed, Plan, Point, Scythe
from tests.faults.kills.run import Outcome, deploy, end_copies, run
from tests.faults.kills.tickets import ROUNDS, Told
from tests.faults.kills.worker import DeadlyGateway
from workers.adapters.mock_support_books import AlertRow, PostRow
from workers.casefile import migrate
from workers.runtime.engine import Engine
from workers.runtime.native.stack import Stack


@pytest.mark.engine
@pytest.mark.parametrize("deed", [PURCHASES, REFUNDS, TICKETS], ids=lambda deed: deed.process)
async def test_a_worker_killed_at_any_point_neither_loses_a_deed_nor_does_it_twice(
    engine: Stack | Containers, tmp_path: Path, full: bool, deed: Deed
) -> None:
    """Real workers with real jobs, a kill per order; judged by books of the outside world."""
    first = time.time_ns() // 1_000_000
    values = {key.removeprefix("ORDEROPS_").lower(): value for key, value in engine.environment().items()}
    short = 20 if deed is REFUNDS else 2
    plan = Plan(40 if full else short, first, values, tmp_path, deed, copy=f"kills_{first}")
    migrate.upgrade(values["database_url"])
    async with Engine(values["zeebe_grpc"], values["zeebe_rest"]) as client:
        await deploy(client, plan)
        outcome = await run(plan)
        await end_copies(client, plan)
    figures = report.judge(plan, outcome)
    log = (tmp_path / "workers.log").read_text()[-3000:]
    assert figures.ok, f"{figures}\n{log}"
    assert figures.kills == figures.in_books == plan.total
    assert outcome.approved == (plan.total if deed is REFUNDS else 0)


class Noting(Scythe):
    """Kills nobody; `struck` is what was known of the answer when it would have."""

    def __init__(self, answered: threading.Event) -> None:
        self.answered, self.struck = answered, list[bool]()

    def due(self, point: Point, order_id: str) -> bool:
        return not self.struck

    def strike(self, point: Point, order_id: str) -> None:
        if self.due(point, order_id):
            self.struck.append(self.answered.is_set())
            self.answered.set()


class SlowToAnswer(GatewayServicer):
    """Has taken a completion long before it answers."""

    def __init__(self) -> None:
        self.taken, self.may_answer = threading.Event(), threading.Event()

    def CompleteJob(self, request: Any, context: Any) -> CompleteJobResponse:  # noqa: N802  # as in the protocol
        self.taken.set()
        self.may_answer.wait(30)
        return CompleteJobResponse()

    def UpdateJobTimeout(self, request: Any, context: Any) -> UpdateJobTimeoutResponse:  # noqa: N802
        if self.taken.is_set():
            context.abort(grpc.StatusCode.NOT_FOUND, "completed")
        return UpdateJobTimeoutResponse()


async def test_the_last_kill_strikes_when_the_completion_is_taken_and_not_answered() -> None:
    engine = SlowToAnswer()  # type: ignore[abstract]  # the other calls are not needed
    server = grpc.server(ThreadPoolExecutor(4))
    add_GatewayServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    scythe = Noting(engine.may_answer)
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            await DeadlyGateway(channel, scythe, address).complete(1, b"{}", limit=5)
    finally:
        server.stop(None)
    assert engine.taken.is_set()
    assert scythe.struck == [False]


class TestTheVerdict:
    """Each thing that can go wrong is seen."""

    plan = Plan(1, 1, {}, Path())
    good = Outcome(
        killed=5,
        hits=bytes([1] * 5),
        bought=[1] * 5,
        finished=[True] * 5,
        ledger_wrong=[],
        other_ends={},
        seconds=1,
    )

    def test_all_bought_once_is_right(self) -> None:
        assert report.judge(self.plan, self.good).ok

    def test_an_order_bought_twice_is_not(self) -> None:
        figures = report.judge(self.plan, replace(self.good, bought=[1, 2, 1, 1, 1]))
        assert (figures.ok, figures.twice, figures.points[POINTS[1]].twice) == (False, 1, 1)

    @pytest.mark.parametrize("lost", [{"bought": [1, 1, 0, 1, 1]}, {"finished": [True, True, False, True, True]}])
    def test_an_order_not_bought_or_not_finished_is_lost(self, lost: dict[str, Any]) -> None:
        figures = report.judge(self.plan, replace(self.good, **lost))
        assert (figures.ok, figures.lost, figures.points[POINTS[2]].lost) == (False, 1, 1)

    @pytest.mark.parametrize(
        "flaw",
        [
            {"killed": 4},
            {"hits": bytes([1, 1, 1, 1, 0])},
            {"hits": bytes([2, 0, 1, 1, 1])},
            {"ledger_wrong": ["1"]},
            {"other_ends": {1: 1}},
        ],
    )
    def test_missing_kills_wrong_bookings_and_other_ends_are_not(self, flaw: dict[str, Any]) -> None:
        assert not report.judge(self.plan, replace(self.good, **flaw)).ok


EACH_ROUND = list(range(1, ROUNDS + 1))


class TestTheCourseOfATicket:
    """Each thing that can go wrong with one is seen."""

    question = Told(replies=[1], solved=True)
    danger = Told(rounds={AlertRow: EACH_ROUND, PostRow: EACH_ROUND}, requests=[1] * 2 * ROUNDS)

    def test_one_answer_or_each_round_once_is_right(self) -> None:
        assert self.question.as_it_should_be(dangerous=False)
        assert self.danger.as_it_should_be(dangerous=True)
        assert self.question.last_done(dangerous=False)
        assert self.danger.last_done(dangerous=True)

    @pytest.mark.parametrize("flaw", [{"replies": []}, {"replies": [1, 1]}, {"rounds": danger.rounds}])
    def test_no_answer_two_answers_and_people_woken_for_a_question_are_not(self, flaw: dict[str, Any]) -> None:
        assert not replace(self.question, **flaw).as_it_should_be(dangerous=False)

    @pytest.mark.parametrize(
        "flaw",
        [
            {"replies": [1]},
            {"rounds": {AlertRow: EACH_ROUND[:-1], PostRow: EACH_ROUND}},
            {"rounds": {AlertRow: EACH_ROUND, PostRow: [1, *EACH_ROUND]}},
        ],
    )
    def test_an_automatic_answer_a_missing_round_and_one_twice_are_not(self, flaw: dict[str, Any]) -> None:
        assert not replace(self.danger, **flaw).as_it_should_be(dangerous=True)
