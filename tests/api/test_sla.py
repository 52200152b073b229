"""The SLA clock's figures: the page shows what programs get."""

import re

import httpx
from fastapi import FastAPI

from api.people import Role
from tests.api.conftest import BEARER
from tests.api.people import browser
from tests.api.ticket_story import ALWAYS, day_of_tickets
from tests.api.ui_data import ago, text
from workers.casefile.db import Database
from workers.casefile.sla_board import SlaBoard


async def test_programs_get_clocks_automation_and_overrides(client: httpx.AsyncClient, database: Database) -> None:
    await day_of_tickets(database)
    answer = await client.get("/sla", headers=BEARER)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    clocks = {(each["priority"], each["clock"]): each for each in told["clocks"]}
    assert clocks["urgent", "first_response"]["stands"]["breached"] >= 1
    assert clocks["urgent", "resolution"]["stands"]["paused"] >= 1
    assert clocks["low", "first_response"]["stands"]["met"] >= 1
    assert clocks["low", "first_response"]["stands"]["in_time"] >= 1
    assert len(told["answered"]) == 30
    assert told["answered"][-1]["by_itself"] >= 1
    assert 0 < told["automation"] < 1
    changed = {each["what"]: each["changed"] for each in told["overrides"]}
    assert set(changed) == {"draft", "decision", "intent", "safety", "anger"}
    assert min(changed[each] for each in ("draft", "decision", "intent")) >= 1


async def test_the_page_shows_the_same(app: FastAPI, client: httpx.AsyncClient, database: Database) -> None:
    await day_of_tickets(database)
    told = (await client.get("/sla", headers=BEARER)).json()
    async with browser(app, database, Role.AGENT) as agent:
        page = await text(agent, "/ui/sla")
    breached = sum(each["stands"]["breached"] for each in told["clocks"])
    assert f"<strong>{breached}</strong> <span>clocks breached</span>" in page
    for each in told["clocks"]:
        row = page.partition(f'id="{each["priority"]}-{each["clock"]}"')[2].partition("</tr>")[0]
        numbers = [int(found) for found in re.findall(r'class="number[^"]*">(\d+)</td>', row)]
        assert numbers == [each["stands"][name] for name in ("met", "in_time", "paused", "at_risk", "breached")]
    assert f"{told['automation']:.0%}".replace("%", " %") in page


async def test_old_figures_are_said_to_be_old(app: FastAPI, database: Database) -> None:
    await day_of_tickets(database)
    async with browser(app, database, Role.AGENT) as agent:
        assert "look whether the bridge runs" not in await text(agent, "/ui/sla")
        await SlaBoard(database, ALWAYS).draw(ago(minutes=3))
        assert "look whether the bridge runs" in await text(agent, "/ui/sla")
