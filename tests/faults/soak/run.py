"""One soak: orders come in while everything is killed; when it is quiet, the books are read."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import httpx
from sqlalchemy.exc import DBAPIError

from tests.faults.soak.chaos import Chaos
from workers.adapters.mock_world import MockWorld
from workers.casefile.db import DATABASE_AWAY, Database
from workers.runtime.demo import books, verdict
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.outside import Outside, secrets_of
from workers.runtime.demo.people import People, hire
from workers.runtime.demo.plan import Plan
from workers.runtime.demo.world import set_up
from workers.runtime.invariants import Check, check
from workers.runtime.jobs import Process

NO_GRACE = timedelta()
MAY_WAIT = frozenset[str]()
"""Elements at which a case may wait for a date or a message when all is quiet: none.

No trouble and no journey of the plan (orders.py) lasts for days, and all that is awaited from outside has come by
then: whoever still waits has lost a message. People's tasks and customers' questions are no such waiting."""
AWAY = (*DATABASE_AWAY, DBAPIError)
"""A connection that was cut says so in many ways."""


@dataclass(frozen=True)
class Setting:
    """What is done, and where."""

    plan: Plan
    rate: float
    environment: Mapping[str, str]
    processes: Sequence[Process]
    stalled_seconds: float
    """Without any progress for so long after the last kill, it is quiet."""
    skip_job_time_outs: bool = False
    """Let a minute pass in the engine after the last kill, so that what dead workers had comes again at once."""


@dataclass
class Now:
    """What is known while it runs."""

    feed: Feed
    people: People
    outside: Outside
    chaos: Chaos
    progress: books.Progress | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    checks: Sequence[Check]
    """The product's own invariants."""
    unknown: Sequence[str]
    """Orders that were answered 2xx and are not in the inbox."""
    errors: Sequence[str]
    """Answers of the api that should never be given, and deliveries given up."""
    kills: Counter[str]
    labels: Counter[str]
    """How the orders ended."""
    deliveries: int
    incidents: Sequence[str]
    seconds: float


async def run(setting: Setting, chaos: Chaos, on_progress: Callable[[Now], None]) -> Outcome:
    """Ends when every case is closed or nothing moves any more."""
    began = time.monotonic()
    url, plan = setting.environment["ORDEROPS_DATABASE_URL"], setting.plan
    limits, database = httpx.Limits(max_connections=50), Database(url, 5)
    api = httpx.AsyncClient(base_url=setting.environment["ORDEROPS_PUBLIC_URL"], limits=limits, timeout=10)
    async with MockWorld(url, pool_size=10) as world, api as http:
        await set_up(world, plan)
        browsers = await hire(database, setting.environment["ORDEROPS_PUBLIC_URL"])
        secrets, token = secrets_of(setting.environment), setting.environment["ORDEROPS_API_TOKENS"].split(",")[0]
        feed = Feed(http, secrets["shopify"], setting.rate, patience_s=3600)
        people = People(http, world, token, plan.by_case, feed, browsers)
        outside = Outside(http, world, database, token, secrets, plan.by_case)
        now = Now(feed, people, outside, chaos)
        await _through_the_storm(setting, now, database, on_progress)
        checks = await _when_quiet(setting, now, database, on_progress)
        found = await books.read(database, world, plan)
    await database.close()
    return Outcome(
        checks=checks,
        unknown=[f"order {one.case_id}" for one in plan.orders if one.case_id not in found.received_at],
        errors=[*feed.refused, *feed.errors],
        kills=chaos.kills,
        labels=Counter(verdict.label(one, found, now.people.answered.get(one.case_id, ())) for one in plan.orders),
        deliveries=feed.deliveries,
        incidents=[f"{incident.element_id}: {incident.message}" for incident in found.incidents],
        seconds=time.monotonic() - began,
    )


async def _through_the_storm(
    setting: Setting, now: Now, database: Database, on_progress: Callable[[Now], None]
) -> None:
    """Until every webhook is answered and everything that was killed is back."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        helpers = [
            group.create_task(_act(now.people)),
            group.create_task(_act(now.outside)),
            group.create_task(_look(setting, now, database, on_progress)),
        ]
        storm = group.create_task(now.chaos.run(over))
        await now.feed.run(setting.plan)
        over.set()
        await storm
        for helper in helpers:
            helper.cancel()


async def _when_quiet(
    setting: Setting, now: Now, database: Database, on_progress: Callable[[Now], None]
) -> Sequence[Check]:
    """The invariants, once every case is closed or an incident, or when nothing has moved for long."""
    if setting.skip_job_time_outs:
        async with httpx.AsyncClient(base_url=setting.environment["ORDEROPS_ZEEBE_MANAGEMENT"]) as engine:
            (await engine.post("/actuator/clock/add", json={"offsetMilli": 61_000})).raise_for_status()
    last, moved_at = now.progress, time.monotonic()
    acting = [asyncio.create_task(_act(each)) for each in (now.people, now.outside)]
    try:
        while True:
            await _look_once(setting, now, database, on_progress)
            if now.progress != last:
                last, moved_at = now.progress, time.monotonic()
            stalled = time.monotonic() - moved_at > setting.stalled_seconds
            if stalled or _all_closed(now.progress, len(setting.plan.orders)):
                checks = await check(database, setting.processes, NO_GRACE, MAY_WAIT)
                if stalled or not any(one.violations for one in checks):
                    return checks
            await asyncio.sleep(0.5)
    finally:
        for each in acting:
            each.cancel()


def _all_closed(progress: books.Progress | None, orders: int) -> bool:
    return progress is not None and progress.closed + progress.incidents >= orders


async def _act(who: People | Outside) -> None:
    """Customers, staff, suppliers, carriers, banks; what they read from is away now and then."""
    while True:
        try:
            await who.look_once()
        except* AWAY:  # also from those of them who act side by side
            pass
        await asyncio.sleep(0.5)


async def _look(setting: Setting, now: Now, database: Database, on_progress: Callable[[Now], None]) -> None:
    while True:
        await _look_once(setting, now, database, on_progress)
        await asyncio.sleep(0.5)


async def _look_once(setting: Setting, now: Now, database: Database, on_progress: Callable[[Now], None]) -> None:
    with suppress(*AWAY):
        now.progress = await books.progress(database, setting.plan)
    on_progress(now)
