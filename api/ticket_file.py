"""The tickets of a case as people read them: messages with the words that counted, clocks, decisions, labels."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.finding_models import TicketAnalysis, TicketAnswer, TicketLabel
from workers.casefile.sla import Standing
from workers.casefile.sla_clock import Reading
from workers.casefile.sla_figures import ClockName, Stand, stand_of
from workers.casefile.ticket_clocks import TicketClocks
from workers.casefile.ticket_findings import ANALYSIS
from workers.casefile.ticket_models import Ticket, TicketMessage
from workers.ports.analysis import Analysis, Evidence

TICKETS = 10
"""Tickets that a case page shows at most; the newest."""
MESSAGES = 50
"""Messages of each; the newest."""
SHOWN = 5_000
"""Characters of a message."""
SHORTEST = 3
"""Characters of words that are marked: “my” is everywhere."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a message's text."""

    text: str
    kind: str | None = None
    """What it was evidence for: safety, damage, anger or intent."""
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """A piece of evidence as the list of them has it."""

    kind: str
    about: str
    """What it speaks for."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Understood:
    """What a ticket was understood to say when it came to a message."""

    row: TicketAnalysis
    analysis: Analysis

    @property
    def reasons(self) -> list[Reason]:
        """Why, the gravest first."""
        return list(_reasons(self.analysis))


@dataclass(frozen=True, slots=True)
class Told:
    """A message."""

    message: TicketMessage
    pieces: Sequence[Piece]
    cut: bool
    """Whether there is more of it than is shown."""
    understood: Understood | None


@dataclass(frozen=True, slots=True)
class ClockShown:
    """One clock of a ticket."""

    name: ClockName
    stand: Stand
    reading: Reading


@dataclass(frozen=True, slots=True)
class TicketFile:
    """What is known of a ticket."""

    ticket: Ticket
    messages: Sequence[Told]
    standing: Standing | None
    answers: Sequence[TicketAnswer]
    labels: Sequence[TicketLabel]

    @property
    def clocks(self) -> list[ClockShown]:
        """None before it was looked at."""
        readings = [(name, getattr(self.standing, name)) for name in ClockName] if self.standing else []
        return [ClockShown(name, stand_of(reading), reading) for name, reading in readings]

    @property
    def people(self) -> list[str]:
        """Who decided or corrected something, as they sign."""
        return [*(each.decided_by for each in self.answers), *(each.corrected_by for each in self.labels)]


async def ticket_files(session: AsyncSession, ids: Collection[str], clocks: TicketClocks) -> list[TicketFile]:
    """Of those ids that are tickets, the newest first."""
    newest = select(Ticket).where(Ticket.id.in_(ids)).order_by(Ticket.opened_at.desc(), Ticket.id).limit(TICKETS)
    return [await _file(session, ticket, clocks) for ticket in (await session.scalars(newest)).all()]


async def _file(session: AsyncSession, ticket: Ticket, clocks: TicketClocks) -> TicketFile:
    messages = select(TicketMessage).where(TicketMessage.ticket_id == ticket.id).order_by(TicketMessage.id.desc())
    analyses = select(TicketAnalysis).where(TicketAnalysis.ticket_id == ticket.id)
    answers = select(TicketAnswer).where(TicketAnswer.ticket_id == ticket.id)
    labels = select(TicketLabel).where(TicketLabel.ticket_id == ticket.id)
    understood = [
        Understood(row, ANALYSIS.validate_python(row.analysis))
        for row in await session.scalars(analyses.order_by(TicketAnalysis.message_number).limit(MESSAGES))
        if row.analysis  # else it was erased
    ]
    newest = (await session.scalars(messages.limit(MESSAGES))).all()
    return TicketFile(
        ticket=ticket,
        messages=[_told(message, understood) for message in reversed(newest)],
        standing=await clocks.standing_in(session, ticket.id),
        answers=(await session.scalars(answers.order_by(TicketAnswer.at, TicketAnswer.key).limit(MESSAGES))).all(),
        labels=(await session.scalars(labels.order_by(TicketLabel.at, TicketLabel.label).limit(MESSAGES))).all(),
    )


def _told(message: TicketMessage, understood: Sequence[Understood]) -> Told:
    """With what was understood when it came to this message; its words may count for a later analysis, too."""
    text, of_message = message.text[:SHOWN], None
    reasons: list[Reason] = []
    if message.author == "customer":
        of_message = next((each for each in understood if each.row.message_number == message.id), None)
        first = next((each for each in understood if each.row.message_number >= message.id), None)
        reasons = first.reasons if first else []
    return Told(message, marked(text, reasons), len(message.text) > SHOWN, of_message)


def marked(text: str, reasons: Sequence[Reason]) -> list[Piece]:
    """The text in pieces, those marked that were evidence; of two that begin together, the graver one."""
    known: dict[str, Reason] = {}
    for reason in reasons:
        if len(reason.evidence.words) >= SHORTEST:
            known.setdefault(_plain(reason.evidence.words), reason)
    pieces, end = [], 0
    for match in _any_of(known.values()).finditer(text) if known else ():
        pieces.append(Piece(text[end : match.start()]))
        found = known.get(_plain(match.group()))
        pieces.append(Piece(match.group(), *((found.kind, found.evidence.rule) if found else ())))
        end = match.end()
    return [piece for piece in (*pieces, Piece(text[end:])) if piece.text]


def _any_of(reasons: Iterable[Reason]) -> re.Pattern[str]:
    """Whole words, also where lines are wrapped otherwise."""
    words = (r"\s+".join(map(re.escape, each.evidence.words.split())) for each in reasons)
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())


def _reasons(found: Analysis) -> Iterator[Reason]:
    for signal in found.safety:
        yield from (Reason("safety", signal.hazard.value, each) for each in signal.evidence)
    yield from (Reason("damage", "damaged goods", each) for each in found.damage)
    yield from (Reason("dismissed", "no danger", each) for each in found.dismissed)
    yield from (Reason("anger", "anger", each) for each in found.anger.evidence)
    yield from (Reason("intent", found.best.intent.value, each) for each in found.best.evidence)
