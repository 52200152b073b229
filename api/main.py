"""The two FastAPI applications: routes, errors and surroundings put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from api import pages
from api.assets import STATIC, Files
from api.deps import admit
from api.errors import Problem, as_problem, respond
from api.live import Changes
from api.logins import HASHING_AT_ONCE
from api.middleware import Surroundings
from api.openapi import add_schemas
from api.openid import OpenId
from api.paypal import PayPal
from api.routes import (
    cases,
    customers,
    health,
    incidents,
    login,
    openid,
    parcel_webhooks,
    payment_webhooks,
    processes,
    records,
    refunds,
    site,
    sla,
    tasks,
    ticket_webhooks,
    tickets,
    ui_case,
    ui_cases,
    ui_escalations,
    ui_events,
    ui_processes,
    ui_sla,
    ui_start,
    ui_tasks,
    webhooks,
)
from api.schemas.common import ProblemBody
from api.schemas.parcels import SupplierEvent
from api.schemas.payments import PayPalEvent, StripeEvent
from api.schemas.refunds import RefundAsked
from api.schemas.shopify import ShopifyOrder
from api.schemas.tasks import Claim, Completion
from api.schemas.tickets import ChatMessage, InboundMail, TicketAsked, ZendeskEvent
from workers.runtime.bootstrap import Assembled

PAGES = (
    ui_start.router,
    ui_cases.router,
    ui_case.router,
    ui_tasks.router,
    ui_escalations.router,
    ui_sla.router,
    ui_processes.router,
    ui_events.router,
)
"""What those who work here see."""

DESCRIPTION = """The operations of a shop after checkout: webhooks come in, processes run, people decide.

Errors are `application/problem+json` (RFC 9457) with a `trace_id`. Send a W3C `traceparent` to have your own trace
id used. What is answered with 2xx is stored; whether the engine is up does not matter."""


def create_app(assembled: Assembled) -> FastAPI:
    """What shops, programs and people talk to."""
    app = FastAPI(
        title="orderops",
        version="1",
        description=DESCRIPTION,
        lifespan=_without_live_pages_left,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(admit)],
    )
    documented = (
        webhooks.router,
        parcel_webhooks.router,
        payment_webhooks.router,
        ticket_webhooks.router,
        processes.router(assembled.processes),
        tasks.router,
        incidents.router,
        cases.router,
        refunds.router,
        tickets.router,
        sla.router,
        health.router,
    )
    app.state.changes = Changes(assembled.database)
    _furnish(app, assembled, (*documented, customers.router, login.router, openid.router, *PAGES, site.router))
    app.state.paypal = PayPal(assembled.certificates)
    app.state.openid = OpenId(assembled.settings) if assembled.settings.oidc_issuer else None
    _serve_files(app)
    payloads = [message.payload for process in assembled.processes for message in process.messages]
    of_webhooks = (ShopifyOrder, SupplierEvent, StripeEvent, PayPalEvent, ZendeskEvent, InboundMail, ChatMessage)
    add_schemas(app, [ProblemBody, *of_webhooks, Claim, Completion, RefundAsked, TicketAsked, *payloads])
    return app


def create_bridge(assembled: Assembled) -> FastAPI:
    """What lies between engine and database: it takes in the engine's records, and its lifespan runs relay,
    sealer and the keeper of the SLA board."""
    app = FastAPI(
        openapi_url=None,
        lifespan=_at_work(assembled),
        redirect_slashes=False,
        dependencies=[Depends(admit)],
    )
    _furnish(app, assembled, (records.router, health.router))
    return app


def _furnish(app: FastAPI, assembled: Assembled, routers: Iterable[APIRouter]) -> None:
    app.state.assembled = assembled
    app.state.relay = None
    app.state.hashing = asyncio.Semaphore(HASHING_AT_ONCE)
    app.state.routers = tuple(routers)
    for error in (Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(error, answer_error)
    app.add_middleware(Surroundings, answer_error=answer_error)
    for router in app.state.routers:
        app.include_router(router)


async def answer_error(request: Request, error: Exception) -> Response:
    """Whatever was raised, as a problem; as a page for people."""
    problem = as_problem(error)
    if problem.name == "method-not-allowed":
        problem.headers["Allow"] = _allowed(request)
    if request.url.path.startswith("/c/"):
        return pages.of_problem(problem)
    if pages.for_people(request.url.path) and not _from_a_script(request):
        return (
            login.to_log_in(request)
            if problem.name == "unauthorized"
            else pages.of_mistake(problem, request.url.path)
        )
    return respond(request.state.trace_id, request.url.path, problem)


def _from_a_script(request: Request) -> bool:
    """Scripts of our pages say what they can read."""
    return request.headers.get("accept", "").startswith(("application/json", "text/event-stream"))


def _allowed(request: Request) -> str:
    """Every method of this address: a path may have several routes, and the framework names but the first's."""
    methods: set[str] = set()
    for router in request.app.state.routers:
        for route in router.routes:
            match, _ = route.matches(request.scope)
            if match is not Match.NONE:
                methods |= route.methods
    return ", ".join(sorted(methods))


def _serve_files(app: FastAPI) -> None:
    """Our own files, and Swagger UI's as the package fastapi-offline has them."""
    swagger = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/static/swagger", StaticFiles(directory=swagger))
    app.mount("/static", Files(directory=STATIC))


@asynccontextmanager
async def _without_live_pages_left(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.changes.close()


def _at_work(assembled: Assembled) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.relay = asyncio.create_task(assembled.relay.run(), name="relay")
        sealer = asyncio.create_task(assembled.sealer.run(), name="sealer")
        keeper = asyncio.create_task(assembled.keeper.run(), name="keeper")
        yield
        for task in (app.state.relay, sealer, keeper):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    return lifespan
