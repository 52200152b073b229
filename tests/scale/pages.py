"""How long the api takes for each page, and for what programs ask, one request at a time."""

import random
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.bench.ground import Ground
from tests.bench.usage import percentile
from tests.scale.fill import FIRST_CASE, FIRST_PARCEL, Size
from workers.runtime.errors import UserError

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
    "processes": lambda _chance, _size: "/ui/processes",
    "process": lambda _chance, _size: "/ui/processes/fulfillment",
    "rest_cases": lambda chance, size: f"/cases?after={_case(chance, size)}",
    "rest_case": lambda chance, size: f"/cases/{_case(chance, size)}",
    "rest_tasks": lambda _chance, _size: "/tasks",
    "rest_tasks_of_group": lambda chance, size: f"/tasks?group=support&after={chance.randrange(size.cases)}",
    "rest_incidents": lambda _chance, _size: "/incidents",
}
"""By name: the address of one at random."""


def measure(ground: Ground, size: Size, requests: int) -> dict[str, Any]:
    """p99_ms by page, of so many requests each, and how many of all were answered 503 (try again)."""
    chance = random.Random(5)
    took: dict[str, float] = {}
    refused = 0
    with client(ground) as http:
        for name, address in PAGES.items():
            ground.say(f"Pages: {name}")
            _timed(http, address(chance, size))
            answers = [_timed(http, address(chance, size)) for _ in range(requests)]
            took[name] = round(percentile([milliseconds for milliseconds, _ in answers], 0.99), 1)
            refused += sum(not answered for _, answered in answers)
    return {"p99_ms": took, "pages_refused": refused}


def client(ground: Ground) -> httpx.Client:
    """Somebody who may see everything."""
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
