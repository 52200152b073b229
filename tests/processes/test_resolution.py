"""What the jobs of resolution answer, write, and say in the case file."""

from typing import Any

import pytest

from tests.processes.ticket_bench import TicketBench
from workers.casefile.answers import NOBODY
from workers.casefile.db import Database
from workers.casefile.ticket_models import TicketState
from workers.contracts.resolution import Answered, Decision, Draft, Route, Said


@pytest.fixture
async def bench(database: Database) -> TicketBench:
    bench = TicketBench(database)
    await bench.write()
    await bench.looked_at()
    return bench


async def draft(bench: TicketBench, route: Route = Route.AUTO_REPLY, **facts: Any) -> Draft:
    usual = {
        "ticket_id": bench.ticket_id,
        "message_number": bench.number,
        "intent": "tracking",
        "safety": False,
        "language": "en",
        "shopify_order_id": bench.order.id,
    }
    return await bench.resolution.draft_reply(route=route, **{**usual, **facts})


async def answered(bench: TicketBench, said: Said, **more: Any) -> Answered:
    usual: dict[str, Any] = {
        "ticket_id": bench.ticket_id,
        "message_number": bench.number,
        "case_id": bench.case_id,
        "asked": Route.ASK_HUMAN,
        "safety": False,
        "why": "Why",
        "currency": "EUR",
        "shopify_order_id": bench.order.id,
    }
    return await bench.resolution.record_answer(answer=said, **{**usual, **more})


async def replied(bench: TicketBench, reply: str, route: Route = Route.AUTO_REPLY, **more: Any) -> None:
    about: dict[str, Any] = {"ticket_id": bench.ticket_id, "message_number": bench.number}
    about |= {"case_id": bench.case_id, "reply": reply, "route": route, "why": "Why"}
    await bench.resolution.send_reply(**about, **more)


class TestTheDraft:
    async def test_names_order_and_parcel_and_may_be_sent(self, bench: TicketBench) -> None:
        await bench.sent("JD014600003SE")
        made = await draft(bench)
        assert made.draft_good
        assert made.reply == made.draft
        assert bench.order.number in made.draft
        assert "JD014600003SE" in made.draft

    async def test_for_a_person_it_is_only_proposed(self, bench: TicketBench) -> None:
        made = await draft(bench, Route.ASK_HUMAN)
        assert (made.draft_good, made.draft_problem, made.reply) == (False, None, None)
        assert made.draft

    async def test_is_never_sent_where_somebody_may_get_hurt(self, bench: TicketBench) -> None:
        assert not (await draft(bench, safety=True)).draft_good

    async def test_is_not_sent_in_another_language(self, bench: TicketBench) -> None:
        made = await draft(bench, language="pt")
        assert made.draft_problem == "it is not in the language of the customer (pt)"

    @pytest.mark.parametrize(("state", "good"), [("settled", True), ("rejected", False), ("failed", False)])
    async def test_says_that_money_went_back_when_it_did(self, bench: TicketBench, state: str, good: bool) -> None:
        made = await draft(
            bench, Route.AUTO_REFUND, intent="refund", currency="EUR", refund_state=state, refunded=1_500
        )
        assert made.draft_good is good
        assert ("15.00 EUR" in made.draft) is good

    async def test_is_not_sent_over_words_that_nobody_has_read(self, bench: TicketBench) -> None:
        """A danger may stand in them, and only the look at them would tell."""
        read = bench.number
        await replied(bench, "Soon.")
        assert (await draft(bench)).draft_good, "our own words are none of theirs"
        await bench.write("The battery is smoking!")
        made = await draft(bench, message_number=read)
        assert (made.draft_problem, made.reply) == ("the customer has written more since", None)
        assert (await draft(bench)).draft_good

    async def test_whatever_a_model_writes_is_held_against_the_decision(self, bench: TicketBench) -> None:
        bench.replies.says = f"We refund 500 EUR for order {bench.order.number}!"
        made = await draft(bench)
        assert (
            made.draft_problem
            == "it promises something that nobody decided; it names an amount that nobody decided"
        )


class TestAnAnswer:
    async def test_is_theirs_who_completed_the_task(self, bench: TicketBench) -> None:
        await bench.completed("kim")
        said = await answered(bench, Said(Decision.SEND, "Yes."))
        assert said == Answered("person:kim", "send", "Yes.", None, safety=False, why="Why")
        assert await bench.decisions() == [("ask_human", "person:kim", "send")]
        assert f"Ticket {bench.ticket_id}: kim decided: answer the customer" in await bench.sentences()

    async def test_of_nobody_is_nobodys(self, bench: TicketBench) -> None:
        await bench.completed(None)
        assert (await answered(bench, Said(Decision.NO_ANSWER))).answered_by == NOBODY

    async def test_what_they_correct_is_kept(self, bench: TicketBench) -> None:
        await bench.completed()
        await answered(bench, Said(Decision.SEND, "Yes.", intent="refund", anger=0, safety=False))
        assert await bench.findings.labels(bench.ticket_id) == {"intent": "refund"}

    async def test_a_danger_is_escalated(self, bench: TicketBench) -> None:
        await bench.completed()
        said = await answered(bench, Said(Decision.SEND, "Yes.", safety=True))
        assert (said.decision, said.safety) == ("escalate", True)
        assert said.why == "A person says that somebody may get hurt"

    @pytest.mark.parametrize(
        ("amount", "minor"),
        [(12.5, 1_250), ("12,50", 1_250), (12.555, None), ("all", None), (-1, None), (None, None)],
    )
    async def test_money_goes_back_to_the_cent_or_it_is_escalated(
        self, bench: TicketBench, amount: Any, minor: int | None
    ) -> None:
        await bench.completed()
        said = await answered(bench, Said(Decision.REFUND, "Yes.", amount=amount))
        assert (said.refund_amount, said.decision) == (minor, "refund" if minor else "escalate")

    async def test_money_goes_back_of_a_known_order_only(self, bench: TicketBench) -> None:
        await bench.completed()
        said = await answered(bench, Said(Decision.REFUND, "Yes.", amount=12.5), shopify_order_id=None)
        assert (said.refund_amount, said.decision) == (None, "escalate")


class TestAReply:
    async def test_is_kept_and_ends_the_first_response(self, bench: TicketBench) -> None:
        await replied(bench, "Yes.")
        *_, last = await bench.tickets.messages(bench.ticket_id)
        assert (last.author, last.text, last.answers) == ("agent", "Yes.", bench.number)
        assert await bench.due(minutes=300) is None
        assert await bench.decisions() == [("auto_reply", "process:resolution", "send")]

    async def test_of_a_person_was_decided_before(self, bench: TicketBench) -> None:
        await replied(bench, "Yes.", route=Route.ASK_HUMAN, decision="send")
        assert await bench.decisions() == []

    @pytest.mark.parametrize("more", [0, 7])
    async def test_is_to_what_an_escalation_has_read_too(self, bench: TicketBench, more: int) -> None:
        await replied(bench, "Yes.", decision="send", replied_number=bench.number + more)
        *_, last = await bench.tickets.messages(bench.ticket_id)
        assert last.answers == bench.number + more

    async def test_a_question_stops_the_clocks(self, bench: TicketBench) -> None:
        await replied(bench, "Which?", route=Route.ASK_HUMAN)
        await bench.resolution.set_pending(bench.ticket_id, bench.case_id)
        assert await bench.due(days=100) is None
        assert bench.helpdesk.statuses == {bench.ticket_id: "pending"}

    async def test_solved_is_solved_everywhere(self, bench: TicketBench) -> None:
        await bench.resolution.set_solved(bench.ticket_id, bench.case_id)
        ticket = await bench.tickets.get(bench.ticket_id)
        assert ticket is not None
        assert ticket.state == TicketState.SOLVED
        assert bench.helpdesk.statuses == {bench.ticket_id: "solved"}
        assert await bench.due(days=100) is None
