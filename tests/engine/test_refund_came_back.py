"""bpmn/refund.bpmn on the real engine: money that comes back after the customer had it."""

import pytest

from api.people import Role
from tests.engine.refund_desk import Desk, paid
from tests.engine.shop_floor import Floor
from workers.adapters.mock_behaviour import behave, misbehave
from workers.casefile.models import Task
from workers.casefile.refund_models import Standing

pytestmark = pytest.mark.engine


async def came_back(floor: Floor, amount: str = "20.00", reason: str = "damaged") -> tuple[Desk, str, Task]:
    """A refund that was settled, and whose money the bank has sent back; the task that somebody gets."""
    desk = await paid(floor)
    refund_id = await desk.ask(amount, reason)
    await desk.ends(refund_id)
    await returned(desk, refund_id)
    return desk, refund_id, await desk.task(refund_id, "Task_HandleFailedRefund")


async def returned(desk: Desk, refund_id: str) -> None:
    """The bank sends the money back, and the provider says so."""
    made = (await desk.stands(refund_id, Standing.SETTLED)).provider_refund_id
    assert made is not None
    await desk.payments.fail_refund(made, "lost_or_stolen_card")
    await desk.send("refund_came_back", refund_id=refund_id, provider_refund_id=made)


async def test_it_is_booked_back_once_and_a_person_gets_it(floor: Floor) -> None:
    desk, refund_id, task = await came_back(floor)
    refund = await desk.refund(refund_id)
    assert (refund.state, refund.failure) == (Standing.FAILED, "lost_or_stolen_card")
    assert (await desk.paid_back(), sorted(await desk.booked())) == ([], [-2_000, 2_000])
    [told] = await desk.told("refund_came_back")
    assert told.sentence == "Refund of 20.00 EUR: it came back after it was settled: lost or stolen card"
    assert (await desk.post("110.00")).status_code == 409, "until somebody decides it stays reserved"
    finance = await desk.somebody(Role.FINANCE)
    assert (await desk.complete(task, finance, {"handling": "give_up"})).status_code == 200
    await desk.ends(refund_id, "Event_RefundFailed")
    assert sum(await desk.booked()) == 0
    assert (await desk.post("110.00")).status_code == 202


async def test_paid_by_hand_it_is_booked_again(floor: Floor) -> None:
    desk, refund_id, task = await came_back(floor)
    lead = await desk.somebody(Role.LEAD)
    assert (await desk.complete(task, lead, {"handling": "done_by_hand"})).status_code == 200
    await desk.ends(refund_id)
    assert (await desk.paid_back(), sorted(await desk.booked())) == ([], [-2_000, 2_000, 2_000])
    assert (await desk.refund(refund_id)).state == Standing.SETTLED


async def test_tried_again_it_is_approved_anew_and_may_come_back_again(floor: Floor) -> None:
    """Whoever approved it before approved that money went back once."""
    desk = await paid(floor)
    agent, lead = await desk.somebody(Role.AGENT), await desk.somebody(Role.LEAD)
    refund_id = await desk.ask("20.00")
    assert (await desk.complete(await desk.task(refund_id), agent)).is_success
    await desk.ends(refund_id)
    await returned(desk, refund_id)
    task = await desk.task(refund_id, "Task_HandleFailedRefund")
    assert (await desk.complete(task, lead, {"handling": "retry"})).status_code == 200
    approval = await desk.task(refund_id)
    assert await desk.paid_back() == []
    assert (await desk.complete(approval, agent)).is_success
    await desk.ends(refund_id)
    assert (await desk.paid_back(), sorted(await desk.booked())) == ([2_000], [-2_000, 2_000, 2_000])
    await returned(desk, refund_id)
    task = await desk.task(refund_id, "Task_HandleFailedRefund", after=task.key)
    assert (await desk.complete(task, lead, {"handling": "give_up"})).status_code == 200
    await desk.ends(refund_id, "Event_RefundFailed")
    assert (await desk.paid_back(), sum(await desk.booked())) == ([], 0)


async def test_while_its_own_instance_hangs_it_waits_for_days_until_it_is_taken(floor: Floor) -> None:
    """The ledger is away; the engine begins no second instance of the refund before the first one has ended."""
    desk = await paid(floor)
    away = await misbehave(floor.world, "ledger.book", "unavailable", desk.order_id)
    refund_id = await desk.ask("20.00", "damaged")
    await returned(desk, refund_id)
    await floor.travel(days=2)
    await behave(floor.world, away)
    await desk.task(refund_id, "Task_HandleFailedRefund")
    assert sorted(await desk.booked()) == [-2_000, 2_000]


async def test_what_the_customer_still_has_did_not_come_back(floor: Floor) -> None:
    desk = await paid(floor)
    refund_id = await desk.ask("20.00", "damaged")
    await desk.ends(refund_id)
    await desk.send("refund_came_back", refund_id=refund_id, provider_refund_id="re_mistaken")
    await floor.until(desk.order_id, "Event_NothingCameBack")
    assert await floor.ends(desk.order_id, process=None) == "refunded", "as it had ended before"
    assert (await desk.paid_back(), await desk.booked()) == ([2_000], [2_000])
    assert (await desk.refund(refund_id)).state == Standing.SETTLED
