"""`orderops effects`, as an operator uses it."""

from datetime import timedelta
from uuid import uuid4

import pytest
import typer
from sqlalchemy import func, insert
from typer.testing import CliRunner, Result

from workers.casefile.db import Database
from workers.casefile.models import Effect, EffectState
from workers.runtime.commands.effects import register
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

pytestmark = pytest.mark.usefixtures("stack_settings")


def effects(*arguments: str) -> str:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result: Result = CliRunner().invoke(app, ["effects", *arguments], env={"COLUMNS": "200"})
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
async def order(database: Database) -> str:
    """An order with an effect in each state; the intended one is older than the unknown one."""
    order = str(uuid4())
    ages = {
        EffectState.DONE: timedelta(days=9),
        EffectState.STOPPED: timedelta(days=8),
        EffectState.NOT_EXECUTED: timedelta(days=7),
        EffectState.INTENDED: timedelta(hours=25),
        EffectState.UNKNOWN: timedelta(minutes=5),
    }
    async with database.transaction() as session:
        for state, age in ages.items():
            kind = "mail" if state is EffectState.INTENDED else "posting"
            row = {"key": f"{state}:{order}", "kind": kind, "case_id": order, "state": state, "request": {}}
            await session.execute(insert(Effect).values(**row, intended_at=func.now() - age))
    return order


def shown(output: str, order: str) -> list[str]:
    """The states in the order in which they are listed."""
    return [line.split(":")[0].strip("│ ") for line in output.splitlines() if f":{order}" in line]


def test_what_may_have_happened_is_shown_the_unknown_first(order: str) -> None:
    output = effects("--case", order)
    assert shown(output, order) == ["unknown", "intended"]
    assert "5 min" in output
    assert "25 h" in output
    assert "orderops incident retry" in output


def test_all_of_them_by_what_is_known_and_by_age(order: str) -> None:
    known = ["done", "stopped", "not_executed"]
    assert shown(effects("--case", order, "--state", "all"), order) == ["unknown", "intended", *known]
    assert shown(effects("--case", order, "--state", "all", "--limit", "1"), order) == ["unknown"]


def test_by_state_and_kind(order: str) -> None:
    assert shown(effects("--case", order, "--state", "done"), order) == ["done"]
    assert shown(effects("--case", order, "--kind", "mail"), order) == ["intended"]
    assert "There is no such effect." in effects("--case", order, "--kind", "event")


def test_without_a_database_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDEROPS_DATABASE_URL", "postgresql+psycopg://postgres@127.0.0.1:1/postgres")
    load_settings.cache_clear()
    with pytest.raises(UserError, match="does not answer"):
        effects()
