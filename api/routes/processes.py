"""For programs: start instances, send messages, see what became of them."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api import body
from api.deps import Acting, Registry, RegistryOf, StoreOf, TraceId
from api.deps import settings as settings_of
from api.errors import Problem
from api.idempotency import IdempotencyKey, Once
from api.openapi import body_of
from api.schemas.common import BODY_PROBLEMS, MAX_KEY, KeyInPath, problems
from api.schemas.processes import Accepted, InboxEntry, InboxPage, MessageInfo, Processes, ProcessInfo
from api.store import Store
from workers.casefile import inbox
from workers.casefile.lists import InboxView, messages_in
from workers.casefile.models import InboxRow
from workers.runtime.arrivals import arrival_of
from workers.runtime.jobs import Message, Process

_PROBLEMS = problems(
    "unauthorized", "forbidden", "not-found", "idempotency-key", "in-flight", "key-reused", *BODY_PROBLEMS
)

ProcessId = Annotated[str, Path(description="Id of the process.", examples=["fulfillment"])]


@dataclass(frozen=True, slots=True)
class Sender:
    """What both ways of sending a message need."""

    request: Request
    response: Response
    caller: str
    key: str
    store: Store
    registry: Registry
    trace_id: str

    async def send(self, process: Process, message: Message) -> Accepted:
        """Validate, store once, commit; then answer 202 with where to look for it."""
        if message.asked_for_at:
            raise Problem("not-found", f"This is not sent as a message: {message.asked_for_at}.")
        raw, value = await body.read_json(self.request)
        payload = body.fit(message.payload, value)
        settings = await settings_of(self.request)
        arrivals = [
            arrival_of(each.id, one, facts, source="api", body=raw, trace_id=self.trace_id, settings=settings)
            for each, one, facts in self.registry.told(process, message, payload)
        ]

        async def work(session: AsyncSession) -> dict[str, Any]:
            receipt = await inbox.accept_together(session, arrivals)
            accepted = Accepted(id=str(receipt.inbox_id), process=process.id, duplicate=receipt.duplicate)
            return accepted.model_dump()

        once = Once.of(self.caller, self.key, self.request.url.path, raw)
        stored, replayed = await self.store.run(lambda session: once.answer(session, work))
        self.response.headers["Location"] = f"/inbox/{stored['id']}"
        if replayed:
            self.response.headers["Idempotency-Replayed"] = "true"
        return Accepted.model_validate(stored)


async def _sender(  # in the order in which a request is refused
    request: Request,
    response: Response,
    actor: Acting,
    key: IdempotencyKey,
    store: StoreOf,
    registry: RegistryOf,
    trace_id: TraceId,
) -> Sender:
    return Sender(request, response, actor.id, key, store, registry, trace_id)


SenderOf = Annotated[Sender, Depends(_sender)]


def router(processes: tuple[Process, ...]) -> APIRouter:
    """The routes, documented with the messages these processes take."""
    routes = APIRouter(tags=["Processes"])
    first = [process.start_message for process in processes]
    starts = [message.payload for message in first if message is not None and not message.asked_for_at]
    others = [
        message.payload
        for process in processes
        for message in process.messages
        if message is not process.start_message and not message.asked_for_at
    ]
    routes.get("/processes", summary="Processes and their messages", responses=problems())(list_processes)
    routes.post(
        "/processes/{process}/instances",
        summary="Start an instance",
        status_code=202,
        responses=_PROBLEMS,
        openapi_extra=body_of(starts),
    )(start_instance)
    routes.post(
        "/processes/{process}/messages/{name}",
        summary="Send a message",
        status_code=202,
        responses=_PROBLEMS,
        openapi_extra=body_of(others),
    )(send_message)
    routes.get(
        "/inbox",
        summary="Messages that the engine, or any process, does not have",
        responses=problems("unauthorized", "forbidden", "invalid"),
    )(list_messages)
    routes.get(
        "/inbox/{message_id}",
        summary="What became of a message",
        responses=problems("unauthorized", "forbidden", "not-found", "invalid"),
    )(show_message)
    return routes


async def list_processes(registry: RegistryOf) -> Processes:
    """Every process this installation runs, and the messages it takes."""
    return Processes(
        processes=[
            ProcessInfo(id=process.id, messages=[_describe(message) for message in process.messages])
            for process in registry.all
        ]
    )


async def start_instance(process: ProcessId, sender: SenderOf) -> Accepted:
    """The body is the payload of the process's start message. One instance per correlation key, for ever: a second
    start is accepted as a duplicate and starts nothing."""
    found = sender.registry.process(process)
    if found.start_message is None:
        raise Problem("not-found", "Nobody starts this process by a message of its own.")
    return await sender.send(found, found.start_message)


async def send_message(
    process: ProcessId,
    name: Annotated[str, Path(description="Name of the message.", examples=["order_cancelled"])],
    sender: SenderOf,
) -> Accepted:
    """The body is the message's payload. Each interaction takes one answer. Start messages: 404, not sent here."""
    found, message = sender.registry.message(process, name)
    if message is found.start_message:
        raise Problem("not-found", f"This message starts instances: POST it to /processes/{found.id}/instances.")
    return await sender.send(found, message)


async def list_messages(
    store: StoreOf,
    state: Annotated[InboxView, Query()] = InboxView.REFUSED,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int, Query(ge=0, le=MAX_KEY, description="`next` of the page before")] = 0,
) -> InboxPage:
    """Refused, or unmatched: somebody must look. Waiting: the relay goes on trying. Unmatched ones are with the
    engine, and nothing here has the number that they are about."""

    async def find(session: AsyncSession) -> list[InboxEntry]:
        return [_entry(row) for row in await messages_in(session, state, after, limit + 1)]

    found = await store.run(find)
    more = len(found) > limit
    return InboxPage(messages=found[:limit], next=found[limit - 1].id if more else None)


async def show_message(message_id: Annotated[int, KeyInPath], store: StoreOf) -> InboxEntry:
    """Whether the engine has it yet."""
    row = await store.run(lambda session: session.get(InboxRow, message_id))
    if row is None:
        raise Problem("not-found", "There is no message of this number.")
    return _entry(row)


def _entry(row: InboxRow) -> InboxEntry:
    return InboxEntry(
        id=str(row.id),
        process=row.process,
        message=row.message_name,
        source=row.source,
        correlation_key=row.correlation_key,
        state="published" if row.published_at else "refused" if row.refused_at else "waiting",
        received_at=row.received_at,
        published_at=row.published_at,
        deliveries=row.deliveries,
        attempts=row.attempts,
        last_error=row.last_error,
    )


def _describe(message: Message) -> MessageInfo:
    return MessageInfo(
        name=message.name,
        starts=message.starts,
        correlation_key=message.correlation_key,
        schema_ref=f"/openapi.json#/components/schemas/{message.payload.__name__}",
    )
