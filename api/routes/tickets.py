"""Tickets for programs and people: opening them, and seeing what was written."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import body
from api.deps import Acting, StoreOf
from api.errors import Problem
from api.idempotency import IdempotencyKey, Once
from api.intake import Intake, tell
from api.openapi import body_of
from api.people import Actor
from api.schemas.common import BODY_PROBLEMS, MAX_KEY, problems
from api.schemas.tickets import MessageInfo, TicketAccepted, TicketAsked, TicketDetail, TicketInfo, TicketPage
from workers.adapters.ticket_texts import plain
from workers.casefile import tickets
from workers.casefile.ticket_models import Channel, Ticket, TicketMessage, TicketState
from workers.casefile.tickets import Written

router = APIRouter(tags=["Tickets"])


@dataclass(frozen=True, slots=True)
class Counter:
    """What writing something down needs."""

    request: Request
    response: Response
    actor: Actor
    key: str
    intake: Intake

    async def take(self) -> TicketAccepted:
        """Validate, store once, commit; then answer 202."""
        raw, value = await body.read_json(self.request)
        asked = body.fit(TicketAsked, value)

        async def work(session: AsyncSession) -> dict[str, Any]:
            written = self._written(asked, await _first_of_ours(session, asked))
            taken = await self.intake.enter(session, written, raw)
            tell(taken)
            return TicketAccepted(
                id=taken.ticket_id, message_number=str(taken.number), duplicate=not taken.new_message
            ).model_dump()

        once = Once.of(self.actor.id, self.key, self.request.url.path, raw)
        stored, replayed = await self.intake.store.run(lambda session: once.answer(session, work))
        self.response.headers["Location"] = f"/tickets/{stored['id']}"
        if replayed:
            self.response.headers["Idempotency-Replayed"] = "true"
        return TicketAccepted.model_validate(stored)

    def _written(self, asked: TicketAsked, ours: str | None) -> Written:
        made_up = tickets.short(f"{self.actor.id}|{self.key}", 16)
        outside = (asked.ticket_id or made_up).removeprefix(f"{Channel.API}-")
        return Written(
            ticket_id=ours or tickets.ticket_id_of(Channel.API, outside),
            message_id=asked.message_id or made_up,
            channel=Channel(asked.channel),
            email=asked.email.lower(),
            name=asked.name,
            subject=asked.subject,
            text=plain(asked.text),
        )


async def _first_of_ours(session: AsyncSession, asked: TicketAsked) -> str | None:
    """Where the line of a ticket begins that came this way and is named by our id of it."""
    named = asked.ticket_id or ""
    if not named.startswith(f"{Channel.API}-") or await session.get(Ticket, named) is None:
        return None
    return await tickets.first_of_line(session, named)


async def _counter(  # in the order in which a request is refused
    request: Request, response: Response, actor: Acting, key: IdempotencyKey, intake: Annotated[Intake, Depends()]
) -> Counter:
    return Counter(request, response, actor, key, intake)


@router.post(
    "/tickets",
    summary="Write down what a customer says",
    status_code=202,
    responses=problems("unauthorized", "forbidden", "idempotency-key", "in-flight", "key-reused", *BODY_PROBLEMS),
    openapi_extra=body_of([TicketAsked]),
)
async def write_ticket(counter: Annotated[Counter, Depends(_counter)]) -> TicketAccepted:
    """Opens a ticket, or adds to one that came this way and is the same customer's. To a closed one it opens
    another that follows it. The same `message_id` is the same message."""
    return await counter.take()


@router.get("/tickets", summary="Tickets by id", responses=problems("unauthorized", "forbidden", "invalid"))
async def list_tickets(
    store: StoreOf,
    state: Annotated[TicketState | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[str, Query(max_length=200, description="`next` of the page before")] = "",
) -> TicketPage:
    """By whichever channel they came."""
    wanted = select(Ticket).where(Ticket.id > after).order_by(Ticket.id).limit(limit + 1)
    if state is not None:
        wanted = wanted.where(Ticket.state == state)

    async def find(session: AsyncSession) -> list[TicketInfo]:
        return [TicketInfo.model_validate(ticket) for ticket in await session.scalars(wanted)]

    found = await store.run(find)
    more = len(found) > limit
    return TicketPage(tickets=found[:limit], next=found[limit - 1].id if more else None)


@router.get(
    "/tickets/{ticket_id}",
    summary="A ticket with what was written",
    responses=problems("unauthorized", "forbidden", "not-found", "invalid"),
)
async def show_ticket(
    ticket_id: Annotated[str, Path(max_length=200)],
    store: StoreOf,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: Annotated[int, Query(ge=0, le=MAX_KEY, description="`next` of the page before")] = 0,
) -> TicketDetail:
    """Texts are plain text: show them as such."""

    async def find(session: AsyncSession) -> TicketDetail:
        ticket = await session.get(Ticket, ticket_id)
        if ticket is None:
            raise Problem("not-found", "There is no ticket of this id.")
        found = await tickets.messages_of(session, ticket_id, after=after, limit=limit + 1)
        return TicketDetail(
            **TicketInfo.model_validate(ticket).model_dump(),
            messages=[_message(message) for message in found[:limit]],
            next=str(found[limit - 1].id) if len(found) > limit else None,
        )

    return await store.run(find)


def _message(message: TicketMessage) -> MessageInfo:
    columns = {name: getattr(message, name) for name in MessageInfo.model_fields if name != "number"}
    return MessageInfo(number=str(message.id), **columns)
