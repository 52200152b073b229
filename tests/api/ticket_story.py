"""Tickets as triage and resolution leave them in the books, for tests of pages."""

import uuid
from datetime import timedelta
from typing import Any

from tests.api.ui_data import a_case, a_task, add, ago
from tests.fakes.alerts import FakeAlerts
from workers.adapters.local_analysis import LocalAnalysis
from workers.casefile.answers import Answer, Answers
from workers.casefile.business_hours import BusinessHours
from workers.casefile.claims import Claim
from workers.casefile.db import Database
from workers.casefile.escalations import Escalations, HazardReports
from workers.casefile.journal import Journal
from workers.casefile.opening_hours import business_hours
from workers.casefile.sla import Happened, Priority, Targets
from workers.casefile.sla_board import SlaBoard
from workers.casefile.sla_figures import Figures
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_findings import Findings
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Taken, Tickets, Written
from workers.common import Pager
from workers.contracts.hazard import case_of
from workers.ports.alerts import Alert, Level
from workers.ports.analysis import Ticket

URGENT = Targets(Priority.URGENT, timedelta(hours=1), timedelta(hours=2), timedelta(hours=8))
LOW = Targets(Priority.LOW, timedelta(hours=16), timedelta(hours=32), timedelta(hours=80))
ALWAYS: BusinessHours = business_hours("UTC", "always", "none", "")
TEXT = "My lamp arrived broken and I am furious. The plug sparked and burned my hand! I want my money back."


async def written(database: Database, text: str = TEXT, subject: str = "My lamp") -> Taken:
    """A customer's first message."""
    number = uuid.uuid4().hex
    return await Tickets(database).take(
        Written(f"chat-{number}", "m-1", Channel.CHAT, f"{number}@example.com", "Ada", subject, text)
    )


async def understood(database: Database, taken: Taken, text: str = TEXT) -> None:
    """What the analysis on this machine says of it."""
    found = await LocalAnalysis().analyse(Ticket(text))
    await Findings(database).analysed(taken.ticket_id, taken.number, found, Claim(None, None))


async def clocked(database: Database, ticket_id: str, targets: Targets, days: float, *steps: Happened) -> None:
    """Opened so many days ago, and the steps at once."""
    clocks, opened = TicketClocks(database, ALWAYS), ago(days=days)
    await clocks.note(ticket_id, "opened", Happened.OPENED, targets=targets, at=opened)
    for number, what in enumerate(steps, start=1):
        await clocks.note(ticket_id, str(number), what, at=opened + timedelta(minutes=number))


async def board_drawn(database: Database) -> Figures:
    """As the bridge draws it when everything was counted."""
    board = SlaBoard(database, ALWAYS)
    while await board.count():
        pass
    drawn = await board.draw()
    assert drawn is not None
    return drawn


async def answered(database: Database, ticket_id: str, **changes: Any) -> None:
    """As the gate wanted it, without a person, unless the changes say otherwise."""
    told = {
        "ticket_id": ticket_id, "key": "1", "route": "auto_reply", "why": "It is only asked where the parcel is.",
        "decided_by": "process:resolution", "decision": "send", "draft": "It is on its way.",
        "reply": "It is on its way.",
    }  # fmt: skip
    await Answers(database).write(Answer(**(told | changes)))


async def day_of_tickets(database: Database) -> list[str]:
    """One that is late, one in time, one answered by itself, and one that a person saw otherwise."""
    taken = [await written(database) for _ in range(4)]
    late, fresh, alone, changed = (each.ticket_id for each in taken)
    await clocked(database, late, URGENT, 20)
    await clocked(database, fresh, LOW, 0)
    await clocked(database, alone, LOW, 5, Happened.WE_REPLIED, Happened.SOLVED)
    await clocked(database, changed, URGENT, 5, Happened.WE_REPLIED, Happened.WAITING_FOR_CUSTOMER)
    for each in taken:
        await understood(database, each)
    await answered(database, alone)
    await answered(
        database, changed, route="escalate", decided_by="person:ada", decision="send", reply="It comes tomorrow."
    )
    await Findings(database).corrected(changed, taken[3].number, {"intent": ("refund", "complaint")}, "person:ada")
    await board_drawn(database)
    return [late, fresh, alone, changed]


async def escalated(database: Database, assignee: str | None = None) -> tuple[str, str]:
    """A ticket that tells of a hazard, whose second round is over; its id, and the product's case."""
    ticket, product = (await written(database)).ticket_id, f"LAMP-{uuid.uuid4().hex[:8]}"
    case = a_case(id=ticket, order_number=None)
    books, hazard_case = Escalations(database), case_of(product)
    await add(
        database,
        case,
        a_case(id=hazard_case, order_number=None),
        a_task(case, assignee=assignee, element_id="Task_HandleEscalation"),
    )
    told = {"why": "Somebody may get hurt.", "priority": "urgent", "hazard": "burn", "product": product}
    escalation = await books.open(ticket, case.process_instance_key or 0, **told)
    pager = Pager(Journal(database, timedelta(seconds=1)), FakeAlerts())
    for number, who in enumerate(("on-call", "lead"), start=1):
        await books.reach(escalation, number)
        alert = Alert(f"alert:{escalation}:{number}", who, "Somebody may get hurt.", Level.CRITICAL)
        await pager.push(alert, ticket, f"{who} called")
    for number in range(3):
        await HazardReports(database).add(
            hazard_case=hazard_case, product=product, hazard="burn", ticket_id=f"{ticket}.{number}",
            order_id=None, reported_at=ago(),
        )  # fmt: skip
    return ticket, hazard_case
