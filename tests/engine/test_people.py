"""People at tasks of a real engine: what it says of claims is what the api relies on."""

from api import csrf
from api.identity import cookie_name
from api.people import Role
from tests.api.people import add, session_of
from tests.engine.orders import an_order, wrong_address
from tests.engine.shop_floor import Floor
from tests.engine.test_fulfillment import GOOD_ADDRESS


async def test_two_people_at_one_task(floor: Floor) -> None:
    """Claiming again what one has is fine even before the engine's record of it has arrived, so that nobody waits
    for it before completing; what somebody else has is theirs."""
    case_id = await floor.pay(an_order(shipping_address=wrong_address()))
    task = await floor.task(case_id, "Task_CorrectAddress")
    ada, bob = [await browser(floor, Role.AGENT) for _ in range(2)]
    statuses = [
        (await floor.http.post(f"/tasks/{task.key}/{action}", json=body, headers=who)).status_code
        for who, action, body in (
            (ada, "claim", {}),
            (ada, "claim", {}),
            (bob, "claim", {}),
            (bob, "complete", {"variables": GOOD_ADDRESS}),
            (ada, "complete", {"variables": GOOD_ADDRESS}),
        )
    ]
    assert statuses == [200, 200, 409, 409, 200]
    assert await floor.ends(case_id) == "supplied"
    [entry] = [each for each in await floor.app.cases.timeline(case_id) if each.kind == "task_completed"]
    assert entry.actor == ada["X-Name"]


async def browser(floor: Floor, *roles: Role) -> dict[str, str]:
    """What the browser of somebody new sends."""
    name = await add(floor.app.database, *roles)
    cookie = await session_of(floor.app.database, name)
    sent = f"{cookie_name(floor.app.settings)}={cookie}"
    return {"Cookie": sent, csrf.HEADER: csrf.token_for(cookie), "X-Name": name}
