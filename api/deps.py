"""What routes ask for: the parts assembled at the start, the caller, and the limits of a caller's patience.

All of them are coroutines although they wait for nothing: FastAPI runs plain functions in threads.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from api.errors import Problem, unavailable
from workers.casefile import inbox
from workers.casefile.db import Database
from workers.casefile.inbox import Arrival, Receipt
from workers.runtime.engine import Engine
from workers.runtime.jobs import Message, Process
from workers.runtime.links import Links
from workers.runtime.settings import Settings

Result = TypeVar("Result")

DATABASE_SECONDS = 0.8
"""A caller who waits longer for a commit is told to try again; it may have happened, and is harmless twice.

With the rest of a request this makes an answer within a second, whatever PostgreSQL does.
"""
ENGINE_SECONDS = 10.0
"""A caller who waits longer for the engine is told to try again."""

_bearer = HTTPBearer(auto_error=False, description="One of the tokens in ORDEROPS_API_TOKENS.")


async def settings(request: Request) -> Settings:
    """The settings of this process."""
    return request.app.state.assembled.settings  # type: ignore[no-any-return]


async def engine(request: Request) -> Engine:
    """The engine."""
    return request.app.state.assembled.engine  # type: ignore[no-any-return]


async def processes(request: Request) -> "Registry":
    """What the process modules registered."""
    return Registry(request.app.state.assembled.processes)


async def store(request: Request) -> "Store":
    """The database."""
    return Store(request.app.state.assembled.database)


async def links(request: Request) -> Links:
    """Reads the tokens in customers' links."""
    return request.app.state.assembled.links  # type: ignore[no-any-return]


async def trace_id(request: Request) -> str:
    """The id under which this request is found in logs and in what it sets off."""
    return request.state.trace_id  # type: ignore[no-any-return]


class Store:
    """Transactions that answer in time: 503 when the database does not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Do `work` in a transaction and commit it; it is rolled back when `work` raises.

        It may be done again from the start, so it does nothing but what the transaction holds.
        """
        return await _in_time(self._database.run(work))

    async def add(self, arrival: Arrival) -> Receipt | None:
        """Store an arrival for the engine; None when it was known already. The quickest way for what is new."""
        return await _in_time(inbox.add(self._database, arrival))


async def _in_time(work: Coroutine[Any, Any, Result]) -> Result:
    """Not asyncio.timeout: who is cancelled may still have something to clean up, and Python 3.11 may lose it."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=DATABASE_SECONDS)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    task.add_done_callback(_forget)
    raise unavailable("The database does not answer at the moment; try again.")


def _forget(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()


async def engine_in_time(call: Awaitable[None]) -> None:
    """Wait for the engine as long as a caller would; 503 when it does not answer in that time."""
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            await call
    except TimeoutError:
        raise unavailable("The engine does not answer at the moment; try again.") from None


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


async def caller(
    settings: Annotated[Settings, Depends(settings)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """Who calls, as a hash of the token; 401 without a valid one."""
    token = credentials.credentials.encode() if credentials else b""
    valid = [hmac.compare_digest(token, known.get_secret_value().encode()) for known in settings.api_tokens]
    if not any(valid):
        raise Problem(
            "unauthorized",
            "Send `Authorization: Bearer` and a valid token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return hashlib.sha256(token).hexdigest()


SettingsOf = Annotated[Settings, Depends(settings)]
EngineOf = Annotated[Engine, Depends(engine)]
RegistryOf = Annotated[Registry, Depends(processes)]
StoreOf = Annotated[Store, Depends(store)]
LinksOf = Annotated[Links, Depends(links)]
TraceId = Annotated[str, Depends(trace_id)]
Caller = Annotated[str, Depends(caller)]
