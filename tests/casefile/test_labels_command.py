"""`orderops labels`, as who judges the ticket analysis uses it."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.eval.cases import labelled
from workers.casefile.db import Database
from workers.casefile.ticket_erasure import erase
from workers.casefile.ticket_findings import Findings
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Tickets, Written
from workers.ports.analysis import Intent
from workers.runtime.commands.labels import register
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

pytestmark = pytest.mark.usefixtures("stack_settings")


def labels(out: Path) -> str:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result: Result = CliRunner().invoke(app, ["labels", "--out", str(out)], env={"COLUMNS": "200"})
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stderr


async def written(database: Database, text: str) -> tuple[str, int]:
    """A ticket with one message: its id, and the message's number."""
    one = uuid4().hex
    letter = Written(f"api-{one}", one, Channel.API, f"{one}@example.com", "Ada", 'About, "my" order', text)
    taken = await Tickets(database).take(letter)
    return taken.ticket_id, taken.number


async def test_what_people_corrected_is_what_the_analysis_is_judged_by(database: Database, tmp_path: Path) -> None:
    mark = uuid4().hex
    findings, out = Findings(database), tmp_path / "corrected.csv"
    wrong, calm, furious = [
        await written(database, f"{mark} {name}\nline") for name in ("wrong", "calm", "furious")
    ]
    said = {"intent": ("refund", "complaint"), "safety": ("false", "true"), "anger": ("10", "90")}
    await findings.corrected(*wrong, said, "person:ada")
    await findings.corrected(*furious, {"anger": ("10", "90")}, "person:ada")
    assert "messages" in await asyncio.to_thread(labels, out)
    found = [case for case in labelled(out) if mark in case.text]
    assert [(case.intent, case.safety) for case in found] == [(Intent.COMPLAINT, True)]
    assert found[0].text == f'About, "my" order\n\n{mark} wrong\nline'
    await findings.corrected(*calm, {"safety": ("true", "false")}, "person:ada")
    async with database.transaction() as session:
        await erase(session, [wrong[0]])
    await asyncio.to_thread(labels, out)
    again = [case for case in labelled(out) if mark in case.text]
    assert [(case.intent, case.safety) for case in again] == [(None, False)]


def test_without_a_database_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDEROPS_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:1/postgres")
    load_settings.cache_clear()
    with pytest.raises(UserError, match="does not answer"):
        labels(tmp_path / "corrected.csv")
    assert not (tmp_path / "corrected.csv").exists()
