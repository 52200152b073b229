"""A worker that is killed while it buys, and the provider it buys from.

`python -m tests.casefile.doomed_worker URL KEY BOOKS MOMENT` buys once through the journal, says on standard
output that it has come to MOMENT, and hangs there until somebody kills it.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from workers.casefile.db import Database
from workers.casefile.journal import Intent, Journal


class Moment(StrEnum):
    """Where the worker hangs."""

    BEFORE = "before"
    """Its intent is recorded, and the provider has done nothing."""
    AFTER = "after"
    """The provider has executed, and its answer is not recorded."""


@dataclass(frozen=True)
class Bought:
    id: str


class Provider:
    """A provider whose books, one line per purchase, outlive every process of ours."""

    def __init__(self, books: Path) -> None:
        self.books = books

    def lines(self) -> list[str]:
        return self.books.read_text().splitlines() if self.books.exists() else []

    async def buy(self, key: str) -> Bought:
        with self.books.open("a") as books:
            books.write(f"{key}\n")
        return Bought(key)

    async def find(self, key: str) -> Bought | None:
        return Bought(key) if key in self.lines() else None


def purchase(key: str, provider: Provider, hang: Moment | None = None) -> Intent[Bought]:
    """The one purchase; with `hang` it never ends."""

    async def call() -> Bought:
        if hang is Moment.BEFORE:
            await _hang()
        bought = await provider.buy(key)
        if hang is Moment.AFTER:
            await _hang()
        return bought

    async def find(_request: Mapping[str, Any]) -> Bought | None:
        return await provider.find(key)

    return Intent(key=key, kind="test", case_id=key, request={}, result_type=Bought, call=call, find=find)


async def _hang() -> None:
    print("here", flush=True)  # noqa: T201  # the test waits for it
    await asyncio.Event().wait()


async def main(url: str, key: str, books: str, moment: str) -> None:
    await Journal(Database(url)).once(purchase(key, Provider(Path(books)), Moment(moment)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
