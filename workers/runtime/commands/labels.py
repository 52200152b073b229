"""`orderops labels`: what people corrected in the forms, as a file to judge the ticket analysis by."""

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import func, select

from workers.casefile.db import DATABASE_AWAY, Database
from workers.casefile.finding_models import TicketLabel
from workers.casefile.ticket_models import Ticket, TicketMessage
from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

COLUMNS = ("text", "intent", "safety")
console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("labels")(labels_command)


def labels_command(
    out: Annotated[Path, typer.Option(help="Where they go, as CSV.", dir_okay=False)],
) -> None:
    """Write the messages whose analysis people corrected, with what they said: text, intent, safety.

    What nobody corrected is empty. `make eval ARGS="--labelled FILE"` judges the analysis by it.
    These are texts of customers: keep the file no longer than you need it.
    """
    rows = asyncio.run(_find())
    with out.open("w", encoding="utf-8", newline="") as target:
        lines = csv.writer(target, lineterminator="\n")
        lines.writerow(COLUMNS)
        lines.writerows((f"{row.subject}\n\n{row.text}".strip(), row.intent, row.safety) for row in rows)
    console.print(f"{out}: {len(rows)} messages")


async def _find() -> Sequence[Any]:
    """A row for each message, by its number, but for erased ones."""
    database = Database(str(load_settings().database_url), pool=1)
    try:
        async with database.sessions() as session:
            return (await session.execute(_QUERY)).all()
    except DATABASE_AWAY:
        raise UserError("The database does not answer.", hint="`orderops status` shows what runs.") from None
    finally:
        await database.close()


def _said(label: str) -> Any:
    return func.max(TicketLabel.corrected).filter(TicketLabel.label == label).label(label)


_QUERY = (
    select(Ticket.subject, TicketMessage.text, _said("intent"), _said("safety"))
    .join(TicketMessage, TicketMessage.id == TicketLabel.message_number)
    .join(Ticket, Ticket.id == TicketLabel.ticket_id)
    .where(TicketLabel.label.in_(("intent", "safety")), TicketMessage.text != "")
    .group_by(Ticket.subject, TicketMessage.id, TicketMessage.text)
    .order_by(TicketMessage.id)
)
