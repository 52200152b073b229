"""How long the api takes for each page, one request at a time."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.bench.usage import percentile
from tests.scale.fill import Say, Size
from tests.scale.programs import TOKEN, running

PAGES: dict[str, Callable[[random.Random, Size], str]] = {
    "cases": lambda chance, size: f"/cases?after={_case(chance, size)}",
    "cases_open": lambda chance, size: f"/cases?state=open&after={_case(chance, size)}",
    "case": lambda chance, size: f"/cases/{_case(chance, size)}",
    "tasks": lambda chance, size: f"/tasks?group=support&after={chance.randrange(size.cases)}",
    "tasks_first": lambda _chance, _size: "/tasks",
    "incidents": lambda _chance, _size: "/incidents",
}
"""By name: the address of one at random."""


def measure(database_url: str, folder: Path, size: Size, requests: int, say: Say) -> dict[str, float]:
    """p99 in milliseconds by page, of so many requests each."""
    chance = random.Random(5)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        running("api", database_url, folder / "api.log") as api,
        httpx.Client(base_url=api.url, headers=headers, trust_env=False, timeout=60) as http,
    ):
        took: dict[str, float] = {}
        for name, address in PAGES.items():
            say(f"Pages: {name}")
            _timed(http, address(chance, size))
            times = [_timed(http, address(chance, size)) for _ in range(requests)]
            took[name] = round(percentile(times, 0.99), 1)
    return took


def _case(chance: random.Random, size: Size) -> int:
    return 4_000_000_000_000 + chance.randrange(1, size.cases + 1)


def _timed(http: httpx.Client, address: str) -> float:
    began = time.perf_counter()
    http.get(address).raise_for_status()
    return 1000 * (time.perf_counter() - began)
