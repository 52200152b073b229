"""The board of escalations."""

from fastapi import FastAPI

from api.people import Role
from tests.api.people import browser
from tests.api.ticket_story import escalated
from tests.api.ui_data import text
from workers.casefile.db import Database
from workers.casefile.escalations import Escalations


async def row_of(app: FastAPI, database: Database, ticket: str) -> str:
    async with browser(app, database, Role.AGENT) as agent:
        page = await text(agent, "/ui/escalations")
    return page.partition(f'id="escalation-{ticket}:1"')[2].partition("</tr>")[0]


async def test_it_shows_why_what_may_harm_who_was_woken_and_that_nobody_has_it(
    app: FastAPI, database: Database
) -> None:
    ticket, hazard_case = await escalated(database)
    row = await row_of(app, database, ticket)
    for told in (f"/ui/cases/{ticket}", "Somebody may get hurt.", ">burn<", "round 2", "nobody"):
        assert told in row, told
    assert row.index("on-call") < row.index("lead <time")
    assert f'<a href="/ui/cases/{hazard_case}">3 reports</a>' in row
    assert ">Take</button>" in row


async def test_it_says_who_has_it(app: FastAPI, database: Database) -> None:
    ticket, _ = await escalated(database, "ada")
    row = await row_of(app, database, ticket)
    assert "ada" in row
    assert "nobody" not in row
    assert ">Take</button>" not in row


async def test_what_is_handled_is_gone(app: FastAPI, database: Database) -> None:
    ticket, _ = await escalated(database)
    await Escalations(database).handle(f"{ticket}:1", "ada")
    assert await row_of(app, database, ticket) == ""
