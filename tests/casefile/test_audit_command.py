"""`orderops audit`, as an auditor and as who answers a person's request uses it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from sqlalchemy import select
from typer.testing import CliRunner, Result

from tests.casefile.history import History
from tests.casefile.own_database import url_of
from workers.casefile.db import Database
from workers.casefile.models import Case
from workers.casefile.record_models import Instance
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written
from workers.runtime.commands.audit import register
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings


@pytest.fixture
async def history(own: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[History]:
    """Two cases, one of them finished, sealed and anchored."""
    for name, value in {"DATABASE_URL": url_of(own), "LINK_SECRET": "x", "RECORDS_PASSWORD": "x"}.items():
        monkeypatch.setenv(f"ORDEROPS_{name}", value)
    load_settings.cache_clear()
    history = History(own, tmp_path / "anchors.jsonl")
    await history.forget()
    await history.finish("100")
    async with own.transaction() as session:
        session.add(Case(id="200", process="fulfillment"))
    await history.sealed("100", 3)
    await history.sealed("200", 2)
    await history.anchor()
    yield history
    load_settings.cache_clear()


async def audit(*arguments: str, code: int = 0, says: str | None = None) -> str:
    """Its output. It has an event loop of its own, therefore a thread."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    environment, command = {"COLUMNS": "200"}, ["audit", *arguments]
    result: Result = await asyncio.to_thread(CliRunner().invoke, app, command, env=environment, input=says)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


async def test_what_was_not_touched_verifies(history: History) -> None:
    assert await audit("verify") == "Entries 5, cases 2, anchors 1: all as it was written.\n"
    assert "all as it was written" in await audit("verify", "--anchors", str(history.file))
    assert await audit("verify", "--case", "200") == "Entries 2, cases 1, anchors 0: all as it was written.\n"


async def test_what_was_changed_is_named_and_the_command_fails(history: History) -> None:
    await history.tamper("UPDATE orderops.timeline SET sentence = 'Nothing' WHERE case_id = '200'")
    said = await audit("verify", code=1)
    assert "case 200, entry 1: changed: its timeline entry does not say what was sealed\n" in said
    assert said.endswith("Entries 5, cases 2, anchors 1: findings 2.\n")
    assert "all as it was written" in await audit("verify", "--case", "100")


async def test_the_file_is_taken_from_the_settings_unless_one_is_named(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    await history.tamper("UPDATE orderops.timeline SET sentence = 'Nothing' WHERE case_id = '200'")
    await history.forge()
    assert "all as it was written" in await audit("verify")
    assert "told to the outside" in await audit("verify", "--anchors", str(history.file), code=1)
    monkeypatch.setenv("ORDEROPS_AUDIT_ANCHORS", str(history.file))
    load_settings.cache_clear()
    assert "told to the outside" in await audit("verify", code=1)


async def test_a_file_that_is_not_there_is_said(history: History) -> None:
    with pytest.raises(UserError, match="no file"):
        await audit("verify", "--anchors", "/nowhere/anchors.jsonl")


async def test_a_case_is_shown_with_its_seals(history: History) -> None:
    await history.write("100")
    shown = await audit("show", "100")
    assert shown.count("Noted as") == 4
    assert shown.count("not yet") == 1


async def test_everything_that_is_held_is_exported(history: History) -> None:
    held = json.loads(await audit("export", "100"))
    assert held["case"]["shop_order"] == {"name": "Zoë"}
    assert [entry["sentence"][:5] for entry in held["timeline"]] == ["Noted"] * 3
    assert [len(seal["hash"]) for seal in held["audit"]] == [64] * 3


async def test_a_finished_case_is_erased_after_a_question(history: History) -> None:
    await audit("erase", "100", says="n\n", code=1)
    assert json.loads(await audit("export", "100"))["case"]["shop_order"] is not None
    assert "3 entries of case 100 are erased." in await audit("erase", "100", "--by", "kim", says="y\n")
    held = json.loads(await audit("export", "100"))
    assert "Zoë" not in json.dumps(held, ensure_ascii=False)
    assert [(entry["actor"], entry["kind"]) for entry in held["timeline"]][-1] == ("kim", "personal_data_erased")
    await history.seal()
    assert "all as it was written" in await audit("verify")


async def test_an_open_case_and_an_unknown_one_are_not_erased(history: History) -> None:
    for case_id, why in {"200": "its case has not ended", "300": "there is no such case"}.items():
        with pytest.raises(UserError, match=f"was not erased: {why}"):
            await audit("erase", case_id, "--yes")
    with pytest.raises(UserError, match="no case"):
        await audit("export", "300")
    async with history.database.sessions() as session:
        assert await session.scalar(select(Case.state).where(Case.id == "200")) == "open"


async def test_a_case_that_goes_on_as_an_order_s_is_not_erased(history: History) -> None:
    running = Instance(
        key=1, root_key=1, case_id="200", began_as="100", process="chargeback", definition_key=1, state="open",
        started_at=datetime.now(UTC),
    )  # fmt: skip
    async with history.database.transaction() as session:
        session.add(running)
    with pytest.raises(UserError, match="was not erased: it goes on in case 200"):
        await audit("erase", "100", "--yes")
    assert json.loads(await audit("export", "100"))["case"]["shop_order"] is not None


async def test_a_customer_s_tickets_are_exported_and_erased(history: History) -> None:
    books = Tickets(history.database)
    for ticket_id in ("chat-a", "chat-b"):
        await books.take(Written(ticket_id, "m-1", Channel.CHAT, "ada@example.com", "Ada", "", "Where is it?"))
    await books.solve("chat-a")
    told = json.loads(await audit("export-customer", "Ada@example.com"))
    assert [ticket["id"] for ticket in told["tickets"]] == ["chat-a", "chat-b"]
    await audit("erase-customer", "ada@example.com", says="n", code=1)
    with pytest.raises(UserError, match="chat-b: it is open"):
        await audit("erase-customer", "ada@example.com", "--yes")
    await books.solve("chat-b")
    assert "1 tickets are erased" in await audit("erase-customer", "ada@example.com", "--by", "kim", says="y")
    assert "0 tickets" in await audit("erase-customer", "ada@example.com", "--yes")
