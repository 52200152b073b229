"""How long the api takes for each page, and for what programs ask.

Pages are asked for by somebody who is logged in, what programs ask for with a token, one request at a time; then
pages by several at once.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from api.identity import cookie_name_at
from api.people import Role
from tests.bench.ground import Ground
from tests.bench.usage import percentile
from tests.scale.fill import FIRST_CASE, FIRST_PARCEL, Size
from workers.casefile import people
from workers.casefile.db import Database
from workers.runtime import passwords
from workers.runtime.errors import UserError

READERS = 8
LOOK_SECONDS = 0.5
"""How long a page is looked at, on average: many more people than readers do no more."""

Address = Callable[[random.Random, Size], str]

PAGES: dict[str, Address] = {
    "start": lambda _chance, _size: "/ui",
    "cases": lambda _chance, _size: "/ui/cases",
    "cases_open": lambda _chance, _size: "/ui/cases?state=open",
    "search_id": lambda chance, size: f"/ui/cases?q={_case(chance, size)}",
    "search_number": lambda chance, size: f"/ui/cases?q=%23{chance.randrange(1, size.cases)}",
    "search_instance": lambda chance, size: (
        f"/ui/cases?q={FIRST_PARCEL + 2 * chance.randrange(1, size.cases // 2)}"
    ),
    "cases_of_process": lambda _chance, _size: "/ui/cases?process=fulfillment",
    "cases_of_rare_process": lambda _chance, _size: "/ui/cases?process=chargeback&state=incident",
    "case": lambda chance, size: f"/ui/cases/{_case(chance, size)}",
    "tasks": lambda _chance, _size: "/ui/tasks?whose=all",
    "task": lambda chance, size: f"/ui/tasks/{5 * chance.randrange(1, size.cases // 5)}",
    "escalations": lambda _chance, _size: "/ui/escalations",
    "sla": lambda _chance, _size: "/ui/sla",
    "inbox": lambda _chance, _size: "/ui/inbox",
    "unmatched": lambda _chance, _size: "/ui/inbox?state=unmatched",
    "processes": lambda _chance, _size: "/ui/processes",
    "process": lambda _chance, _size: "/ui/processes/fulfillment",
    "rest_cases": lambda chance, size: f"/cases?after={_case(chance, size)}",
    "rest_case": lambda chance, size: f"/cases/{_case(chance, size)}",
    "rest_sla": lambda _chance, _size: "/sla",
    "rest_tickets": lambda chance, size: f"/tickets?after=chat-{chance.randrange(1, size.cases)}",
    "rest_ticket": lambda chance, size: f"/tickets/chat-{chance.randrange(1, size.cases)}",
    "rest_tasks": lambda _chance, _size: "/tasks",
    "rest_tasks_of_group": lambda chance, size: f"/tasks?group=support&after={chance.randrange(size.cases)}",
    "rest_incidents": lambda _chance, _size: "/incidents",
}
"""By name: the address of one at random."""


def measure(ground: Ground, size: Size, requests: int) -> dict[str, Any]:
    """p99_ms by page, of so many requests each, and of all pages for several readers at once; how many got 503."""
    chance = random.Random(5)
    took: dict[str, float] = {}
    refused = 0
    cookies = asyncio.run(log_in(ground))
    with client(ground) as program, reader(ground, cookies) as person:
        for name, address in PAGES.items():
            ground.say(f"Pages: {name}")
            http = program if name.startswith("rest_") else person
            _timed(http, address(chance, size))
            answers = [_timed(http, address(chance, size)) for _ in range(requests)]
            took[name] = round(percentile([milliseconds for milliseconds, _ in answers], 0.99), 1)
            refused += sum(not answered for _, answered in answers)
    ground.say(f"Pages: {READERS} readers at once")
    together = _together(ground, cookies, size, max(requests // 5, 4))
    refused += sum(not answered for _, answered in together)
    at_once = round(percentile([milliseconds for milliseconds, _ in together], 0.99), 1)
    return {"p99_ms": took, "p99_ms_of_several": at_once, "pages_refused": refused}


def _together(ground: Ground, cookies: Mapping[str, str], size: Size, requests: int) -> list[tuple[float, bool]]:
    """Each reads pages at random, and looks at each for a moment as people do."""
    pages = [address for name, address in PAGES.items() if not name.startswith("rest_")]

    def read(number: int) -> list[tuple[float, bool]]:
        chance, answers = random.Random(number), []
        with reader(ground, cookies) as http:
            for _ in range(requests):
                time.sleep(chance.random() * 2 * LOOK_SECONDS)
                answers.append(_timed(http, chance.choice(pages)(chance, size)))
        return answers

    with ThreadPoolExecutor(READERS) as readers:
        return [answer for answers in readers.map(read, range(READERS)) for answer in answers]


async def log_in(ground: Ground) -> Mapping[str, str]:
    """The cookie of somebody new who may see everything and do tasks."""
    name, database = f"reader-{uuid.uuid4().hex[:8]}", Database(ground.stack.database_url, 2)
    roles = [Role.LEAD, Role.AGENT]

    async def begin(session: AsyncSession) -> str:
        await people.add_user(session, name, "A reader", roles, passwords.hashed(uuid.uuid4().hex))
        return await people.begin_session(session, name, lasts=timedelta(hours=1), instead_of=None)

    try:
        return {cookie_name_at(ground.stack.api_url): await database.run(begin)}
    finally:
        await database.close()


def reader(ground: Ground, cookies: Mapping[str, str]) -> httpx.Client:
    """Their browser."""
    return httpx.Client(base_url=ground.stack.api_url, cookies=dict(cookies), trust_env=False, timeout=60)


def client(ground: Ground) -> httpx.Client:
    """A program that may see everything."""
    token = ground.stack.secrets["ORDEROPS_API_TOKENS"].split(",")[0]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=ground.stack.api_url, headers=headers, trust_env=False, timeout=60)


def _case(chance: random.Random, size: Size) -> int:
    return FIRST_CASE + chance.randrange(1, size.cases + 1)


def _timed(http: httpx.Client, address: str) -> tuple[float, bool]:
    """Milliseconds until it was answered, and whether it was answered with a page."""
    began = time.perf_counter()
    answer = http.get(address)
    took = 1000 * (time.perf_counter() - began)
    if answer.status_code not in {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}:
        raise UserError(f"{address} answered {answer.status_code}.", hint=answer.text[:300])
    return took, answer.status_code == httpx.codes.OK
