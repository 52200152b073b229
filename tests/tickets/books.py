"""What became of tickets, by our own books, the engine's records and those of the helpdesk."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from tests.tickets.letters import Letter
from workers.adapters.mock_support_books import ReplyRow
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import Database
from workers.casefile.finding_models import TicketAnalysis, TicketAnswer
from workers.casefile.models import Task
from workers.casefile.record_models import Instance
from workers.casefile.ticket_models import Author, Ticket, TicketMessage, TicketState

ANSWER, HANDLE = "Task_AnswerTicket", "Task_HandleEscalation"


@dataclass(frozen=True)
class Books:
    """How it stands now."""

    messages: Mapping[str, int]
    """Of customers, by ticket."""
    instances: Mapping[str | None, int]
    """Of triage, by ticket."""
    analysed: Mapping[str, int]
    """Messages that were looked at, by ticket: the last of them."""
    last: Mapping[str, int]
    """The last message of the customer, by ticket."""
    solved: Collection[str]
    waiting: Mapping[str, str | None]
    """Whose task it is, by ticket."""
    escalated: Collection[str]
    unsafe: Collection[str]
    """By the analysis."""
    replies: Mapping[str, int]
    by_itself: Collection[str]
    """Answered without a person."""

    def settled(self, letters: Collection[Letter]) -> int:
        """So many have been looked at to their last message, and have come to rest."""
        return sum(self.rests(letter) for letter in letters)

    def rests(self, letter: Letter) -> bool:
        """Whether a ticket waits for nobody's program any more."""
        ticket = letter.ticket_id
        read = self.analysed.get(ticket, 0) >= self.last.get(ticket, 1)
        there = ticket in self.solved or ticket in self.waiting or ticket in self.escalated
        return self.messages.get(ticket, 0) == letter.messages and read and there

    def named(self) -> bool:
        """Whether each that waits has somebody whose it is."""
        return None not in self.waiting.values()

    def about(self, letter: Letter) -> str:
        """Where a ticket is, in a sentence."""
        ticket = letter.ticket_id
        places = {"solved": self.solved, "waiting": self.waiting, "escalated": self.escalated}
        place = next((name for name, tickets in places.items() if ticket in tickets), "nowhere")
        told = f"{self.messages.get(ticket, 0)} of {letter.messages} messages came"
        read = f"read to {self.analysed.get(ticket)} of {self.last.get(ticket)}"
        return f"{ticket} is {place}; {told}, {read}."


async def read(database: Database, world: MockWorld) -> Books:
    """All of it; the books hold nothing else."""
    root = aliased(Instance)
    message = (TicketMessage.ticket_id, func.count(), func.max(TicketMessage.id))
    written = select(*message).where(TicketMessage.author == Author.CUSTOMER).group_by(TicketMessage.ticket_id)
    looked = select(TicketAnalysis.ticket_id, func.max(TicketAnalysis.message_number))
    tasks = (
        select(root.correlation_key, Task.element_id, Task.assignee)
        .join(Instance, Instance.key == Task.process_instance_key)
        .join(root, root.key == Instance.root_key)
        .where(Task.state == "open", Task.element_id.in_((ANSWER, HANDLE)))
    )
    decided = select(TicketAnswer.ticket_id).where(TicketAnswer.decided_by == "process:resolution")
    async with database.sessions() as session:
        told = (await session.execute(written)).tuples().all()
        analysed = (await session.execute(looked.group_by(TicketAnalysis.ticket_id))).tuples().all()
        waiting = (await session.execute(tasks)).tuples().all()
        return Books(
            messages={ticket: count for ticket, count, _ in told},
            last={ticket: last for ticket, _, last in told},
            instances=Counter(await session.scalars(select(root.correlation_key).where(root.process == "triage"))),
            analysed=dict(analysed),
            solved=set(await session.scalars(select(Ticket.id).where(Ticket.state != TicketState.OPEN))),
            waiting={str(ticket): person for ticket, element, person in waiting if element == ANSWER},
            escalated={str(ticket) for ticket, element, _ in waiting if element == HANDLE},
            unsafe=set(await session.scalars(select(TicketAnalysis.ticket_id).where(TicketAnalysis.safety))),
            replies=Counter(row.ticket_id for row in await world.rows(select(ReplyRow))),
            by_itself=set(await session.scalars(decided)),
        )
