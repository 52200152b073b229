"""The one place that wires everything together. Nothing connects before it is used."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from workers.adapters.mock_world import MockWorld
from workers.casefile.cases import Cases
from workers.casefile.db import Database
from workers.casefile.inbox import Bell
from workers.casefile.records import Projection
from workers.casefile.requests import CustomerRequests
from workers.casefile.sealing import Seals
from workers.casefile.sla_board import SlaBoard
from workers.casefile.ticket_clocks import TicketClocks
from workers.ports.analysis import TicketAnalysis
from workers.ports.certificates import CertificateStore
from workers.ports.payments import Payments
from workers.runtime.board_keeper import BoardKeeper
from workers.runtime.collectors import Books
from workers.runtime.engine import Engine
from workers.runtime.health import CHECK_SECONDS, Check
from workers.runtime.jobs import Process
from workers.runtime.links import Links
from workers.runtime.outside import Outside, mocked_outside, ticket_analysis, with_gates
from workers.runtime.processes import every_process, what_is_inside
from workers.runtime.relay import Relay
from workers.runtime.sealer import Sealer
from workers.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Assembled:
    """Everything that an api or a worker process runs on."""

    settings: Settings
    database: Database
    engine: Engine
    processes: tuple[Process, ...]
    cases: Cases
    requests: CustomerRequests
    links: Links
    projection: Projection
    bell: Bell
    relay: Relay
    sealer: Sealer
    keeper: BoardKeeper
    books: Books
    payments: Payments
    certificates: CertificateStore
    analysis: TicketAnalysis
    clocks: TicketClocks

    @property
    def checks(self) -> Mapping[str, Check]:
        """What a process needs to work, by name, and how to ask whether it answers."""
        return {"database": self._database_answers, "engine": self._engine_answers}

    async def _database_answers(self) -> bool:
        await self.database.ping()
        return True

    async def _engine_answers(self) -> bool:
        return (await self.engine.topology(within=timedelta(seconds=CHECK_SECONDS))).ready


@asynccontextmanager
async def assemble(settings: Settings, outside: Outside | None = None) -> AsyncIterator[Assembled]:
    """Wire everything from the settings; `outside` replaces the mocked world. Closes what it opened."""
    async with AsyncExitStack() as stack:
        url = str(settings.database_url)
        database, own = Database(url, settings.database_pool), Database(url, pool=1)
        stack.push_async_callback(database.close)
        stack.push_async_callback(own.close)
        if outside is None:
            world = MockWorld(url, pool_size=settings.database_pool)
            stack.push_async_callback(world.close)
            outside = mocked_outside(world)
        outside = with_gates(outside)
        engine = await stack.enter_async_context(Engine(settings.zeebe_grpc, settings.zeebe_rest))
        links, bell = Links(settings.link_secret, settings.public_url), Bell(database)
        analysis = outside.analysis
        if analysis is None:
            analysis = await stack.enter_async_context(ticket_analysis(settings))
        inside = what_is_inside(settings, database, outside, links, bell, analysis)
        processes = every_process(outside, inside)
        yield Assembled(
            settings=settings,
            database=database,
            engine=engine,
            processes=processes,
            cases=inside.cases,
            requests=inside.requests,
            links=links,
            projection=Projection(database, {process.id: process.outcomes for process in processes}),
            bell=bell,
            relay=Relay(database, engine),
            sealer=Sealer(Seals(database), settings.audit_anchors),
            keeper=BoardKeeper(SlaBoard(database, settings.business_hours())),
            books=Books(database, own),
            payments=outside.payments,
            certificates=outside.certificates,
            analysis=analysis,
            clocks=inside.clocks,
        )
