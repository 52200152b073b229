"""What routes ask for: the parts assembled at the start, the caller, and the limits of a caller's patience.

All of them are coroutines although they wait for nothing: FastAPI runs plain functions in threads.
"""

import asyncio
from collections.abc import Awaitable
from typing import Annotated

import structlog
from fastapi import Depends, Request

from api import csrf, form_body
from api.errors import Problem, unavailable
from api.identity import Recognised, recognise
from api.paypal import PayPal
from api.people import Actor
from api.rights import ROUTES, Right
from api.store import Store
from workers.casefile import people
from workers.casefile.ticket_clocks import TicketClocks
from workers.ports.payments import Payments
from workers.runtime.bootstrap import Assembled
from workers.runtime.engine import Engine
from workers.runtime.jobs import Message, MessagePayload, Process
from workers.runtime.links import Links
from workers.runtime.settings import Settings

log = structlog.get_logger(__name__)

ENGINE_SECONDS = 10.0
"""A caller who waits longer for the engine is told to try again."""


async def settings(request: Request) -> Settings:
    """The settings of this process."""
    return request.app.state.assembled.settings  # type: ignore[no-any-return]


async def engine(request: Request) -> Engine:
    """The engine."""
    return request.app.state.assembled.engine  # type: ignore[no-any-return]


async def processes(request: Request) -> "Registry":
    """What the process modules registered."""
    return Registry(request.app.state.assembled.processes)


async def store(request: Request) -> Store:
    """The database."""
    return store_of(request.app.state.assembled)


def store_of(assembled: Assembled) -> Store:
    """The database, for as long as a request may wait for it."""
    return Store(assembled.database, assembled.bell, assembled.settings.database_seconds)


async def links(request: Request) -> Links:
    """Reads the tokens in customers' links."""
    return request.app.state.assembled.links  # type: ignore[no-any-return]


async def clocks(request: Request) -> TicketClocks:
    """What tickets were promised."""
    return request.app.state.assembled.clocks  # type: ignore[no-any-return]


async def payments(request: Request) -> Payments:
    """The payment providers."""
    return request.app.state.assembled.payments  # type: ignore[no-any-return]


async def paypal(request: Request) -> PayPal:
    """Checks PayPal's deliveries."""
    return request.app.state.paypal  # type: ignore[no-any-return]


async def trace_id(request: Request) -> str:
    """The id under which this request is found in logs and in what it sets off."""
    return request.state.trace_id  # type: ignore[no-any-return]


async def engine_in_time(call: Awaitable[None]) -> None:
    """Wait for the engine as long as a caller would; 503 when it does not answer in that time."""
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            await call
    except TimeoutError:
        raise unavailable("The engine does not answer at the moment; try again.") from None


Told = tuple[Process, Message, MessagePayload]


class Registry:
    """Processes and messages by name; 404 for what there is not."""

    def __init__(self, processes: tuple[Process, ...]) -> None:
        self.all = processes

    def process(self, process_id: str) -> Process:
        """The process of this id."""
        for process in self.all:
            if process.id == process_id:
                return process
        raise Problem("not-found", "There is no process of this name; GET /processes lists them.")

    def message(self, process_id: str, name: str) -> tuple[Process, Message]:
        """A message by its process and name."""
        process = self.process(process_id)
        message = process.message(name)
        if message is None:
            raise Problem("not-found", "The process knows no message of this name; GET /processes lists them.")
        return process, message

    def find(self, name: str) -> tuple[Process, Message]:
        """A message by its name alone, which is unique; 503 when nobody waits for such messages."""
        for process in self.all:
            if message := process.message(name):
                return process, message
        raise unavailable("No process takes this at the moment.")

    def told(self, process: Process, message: Message, payload: MessagePayload) -> list[Told]:
        """Who is told of it: the process by the message itself, others by the messages that follow it."""
        others = [(each, one) for each in self.all for one in each.messages if one.follows == message.name]
        facts = payload.model_dump()
        return [(process, message, payload), *((each, one, one.payload(**facts)) for each, one in others)]


SettingsOf = Annotated[Settings, Depends(settings)]
EngineOf = Annotated[Engine, Depends(engine)]
RegistryOf = Annotated[Registry, Depends(processes)]
ClocksOf = Annotated[TicketClocks, Depends(clocks)]
StoreOf = Annotated[Store, Depends(store)]
PaymentsOf = Annotated[Payments, Depends(payments)]
PayPalOf = Annotated[PayPal, Depends(paypal)]
LinksOf = Annotated[Links, Depends(links)]
TraceId = Annotated[str, Depends(trace_id)]


async def admit(request: Request) -> None:
    """Before every route: whoever may not is sent away, by the one table of api/rights.py.

    401 for nobody, 403 for somebody without the right, and for what a person's browser sends without our page's
    knowing. A route that the table does not know is for nobody. Open routes pay a look into the table only.
    """
    right = ROUTES.get(f"{request.method} {request.scope['route'].path}")
    if right is Right.OPEN:
        return
    assembled: Assembled = request.app.state.assembled
    settings, store = assembled.settings, store_of(assembled)
    found = await recognise(request, settings, store)
    if found is None:
        raise Problem(
            "unauthorized",
            "Log in, or send `Authorization: Bearer` and a valid token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    request.state.recognised = found
    if right is None or not right.held_by(found.actor):
        await _keep_refusal(store, found.actor, right)
        raise Problem("forbidden", "You may not do this.")
    if found.cookie is not None and request.method not in csrf.SAFE_METHODS:
        await csrf.check(request, settings, found.cookie)


async def _keep_refusal(store: Store, actor: Actor, right: Right | None) -> None:
    facts = {"right": right.name.lower() if right else None}
    await store.run(lambda session: people.record(session, "forbidden", actor.id, **facts))
    log.warning("access.forbidden", who=actor.id, **facts)


async def acting(request: Request) -> Recognised:
    """Who acts, on routes that are not open."""
    return request.state.recognised  # type: ignore[no-any-return]  # `admit` has put it there


async def actor(recognised: Annotated[Recognised, Depends(acting)]) -> Actor:
    """The same without their cookie."""
    return recognised.actor


async def csrf_token(recognised: Annotated[Recognised, Depends(acting)]) -> str:
    """What this person's forms carry."""
    return recognised.csrf


async def visiting(request: Request, settings: SettingsOf, store: StoreOf) -> Recognised | None:
    """Who came to an open route, if they are known."""
    return await recognise(request, settings, store)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that a person's browser sent; 415 for anything else."""
    fields: dict[str, str] | None = getattr(request.state, "form", None)
    if fields is None:
        raise Problem("wrong-type", f"The content type must be {form_body.TYPE}.")
    return fields


Acting = Annotated[Actor, Depends(actor)]
"""Who acts: a person or a program that has the route's right."""
Csrf = Annotated[str, Depends(csrf_token)]
"""For the hidden field `csrf` of a page's forms, or the header X-CSRF-Token of its scripts."""
FormOf = Annotated[dict[str, str], Depends(form)]
Visiting = Annotated[Recognised | None, Depends(visiting)]
