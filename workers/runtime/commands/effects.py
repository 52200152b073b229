"""`orderops effects`: what was done in the outside world, and above all what may have been done."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text
from sqlalchemy import Select, case, func, select

from workers.casefile.db import DATABASE_AWAY, Database
from workers.casefile.models import Effect, EffectState
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

UNSETTLED = (EffectState.UNKNOWN, EffectState.INTENDED)
"""Perhaps done. Most of these are settled within a minute, by the next attempt of their job."""


class Wanted(StrEnum):
    """Which effects are shown."""

    UNSETTLED = "unsettled"
    UNKNOWN = EffectState.UNKNOWN
    INTENDED = EffectState.INTENDED
    NOT_EXECUTED = EffectState.NOT_EXECUTED
    STOPPED = EffectState.STOPPED
    DONE = EffectState.DONE
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("effects")(effects_command)


def effects_command(
    state: Annotated[Wanted, typer.Option(help="Which; unsettled are unknown and intended.")] = Wanted.UNSETTLED,
    kind: Annotated[str | None, typer.Option(help="For instance supplier_order, posting, mail, event.")] = None,
    of_case: Annotated[str | None, typer.Option("--case", help="Only of this order.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """Show what may have happened in the outside world and is not known yet, the unknown and the oldest first."""
    found = asyncio.run(_find(_query(state, kind, of_case).limit(limit)))
    table = Table(Column("Effect", overflow="fold"), "Kind", "Order", "State", "Age", "Attempts")
    for effect, age in found:
        cells = (effect.key, effect.kind, effect.case_id, effect.state, _age(age), str(effect.attempts))
        table.add_row(*map(Text, cells))
    console = Console()
    console.print(table if found else "There is no such effect.")
    if any(effect.state in UNSETTLED for effect, _ in found):
        console.print(
            "Providers are asked about these when their job runs again, before anything is done. An old one is "
            "in a case with an incident: mend the cause, then `orderops incident retry`.",
            soft_wrap=True,
        )


def _query(state: Wanted, kind: str | None, of_case: str | None) -> Select[Effect, datetime]:
    order = case({each: number for number, each in enumerate(UNSETTLED)}, value=Effect.state, else_=len(UNSETTLED))
    query = select(Effect, func.now()).order_by(order, Effect.intended_at, Effect.key)
    if state is Wanted.UNSETTLED:
        query = query.where(Effect.state.in_(UNSETTLED))
    elif state is not Wanted.ALL:
        query = query.where(Effect.state == state)
    if kind is not None:
        query = query.where(Effect.kind == kind)
    if of_case is not None:
        query = query.where(Effect.case_id == of_case)
    return query


async def _find(query: Select[Effect, datetime]) -> Sequence[tuple[Effect, timedelta]]:
    database = Database(str(load_settings().database_url), pool=1)
    try:
        async with database.sessions() as session:
            return [(effect, now - effect.intended_at) for effect, now in await session.execute(query)]
    except DATABASE_AWAY:
        raise UserError("The database does not answer.", hint="`orderops status` shows what runs.") from None
    finally:
        await database.close()


def _age(age: timedelta) -> str:
    """In the unit that says most."""
    seconds = int(age.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
