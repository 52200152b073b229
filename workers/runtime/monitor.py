"""What a worker tells of itself over HTTP: whether it lives and can work, and metrics. And the end of a deaf one.

There is no log-in, so it listens on 127.0.0.1 unless the settings say otherwise. Nothing personal is told.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workers.runtime.collectors import Books, JobTypes
from workers.runtime.engine import Engine
from workers.runtime.health import CHECK_SECONDS, Check, Health, State, states
from workers.runtime.host import Host
from workers.runtime.listening import listen
from workers.runtime.metrics import CONTENT_TYPE, page
from workers.runtime.signals import end_within, told_to_stop

log = structlog.get_logger()

DEAF_SECONDS = 300.0
"""A worker is ended that got nothing for a job type for so long although the engine answers others."""
LOOK_SECONDS = 5.0


def create_app(host: Host, checks: Mapping[str, Check], books: Books) -> Starlette:
    """The worker's own small application."""

    async def livez(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> JSONResponse:
        dependencies = await states(checks)
        job_types = {job_type: _told(health) for job_type, health in host.health.items()}
        found = {*dependencies.values(), *(each["state"] for each in job_types.values())}
        status = "draining" if host.draining else "ok" if found <= {State.OK} else "not ready"
        content = {"status": status, "dependencies": dependencies, "job_types": job_types}
        return JSONResponse(content, 200 if status == "ok" else 503)

    async def metrics(_request: Request) -> Response:
        await books.look()
        return Response(page(books, JobTypes(host.health)), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])


def _told(health: Health) -> dict[str, Any]:
    return {
        "state": health.state,
        "silent_seconds": round(health.silent_seconds, 1),
        "running": health.running,
        "stream": {"up": health.stream.up, "last_error": health.stream.last_error},
        "poll": {"up": health.poll.up, "last_error": health.poll.last_error},
    }


class _Server(uvicorn.Server):
    """Leaves signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


@asynccontextmanager
async def serving(app: Starlette, host: str, port: int) -> AsyncIterator[None]:
    """Serve for as long as the block lasts; UserError when the port is taken."""
    with listen(host, port, "worker") as listening:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=20,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.should_exit = True
            await task


async def run_until_deaf(host: Host, engine_answers: Check) -> bool:
    """Serve until told to stop; False when the worker stopped by itself, because a new one may hear more."""
    stop = told_to_stop()
    listening = asyncio.create_task(deaf(host, engine_answers))
    listening.add_done_callback(lambda _: stop.set())
    await host.run(stop)
    if not listening.done():
        listening.cancel()
        return True
    end_within()
    listening.result()
    return False


async def deaf(
    host: Host, engine_answers: Check, limit: float = DEAF_SECONDS, every: float = LOOK_SECONDS
) -> None:
    """Return when a new process may hear what this one does not.

    The engine answers, asked over a connection of its own, but for some job type there was no sign of it for
    `limit` seconds. While the engine is away that is nobody's fault here.
    """
    while True:
        await asyncio.sleep(every)
        silent = [name for name, health in host.health.items() if health.silent_seconds > limit]
        if silent and (await states({"engine": engine_answers}))["engine"] is State.OK:
            log.critical("worker.deaf", job_types=silent, seconds=limit)
            return


async def engine_answers_anew(grpc_address: str, rest_url: str) -> bool:
    """Whether the engine answers over a new connection, all its partitions led."""
    async with Engine(grpc_address, rest_url) as fresh:
        return (await fresh.topology(within=timedelta(seconds=CHECK_SECONDS))).ready
