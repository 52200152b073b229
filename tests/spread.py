"""How tests are spread over several processes (pytest's -n): by file, the long ones first."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

LONG_FIRST = ("tests/engine/", "tests/faults/", "tests/native/", "tests/demo/")
"""Whoever gets a long file last keeps the others waiting.

Fault tests come after those of the engine: where nobody takes in the engine's records, these leave much behind."""
TOGETHER = "tests/faults/"
"""Most fault tests share a broker of their own, which they kill: one process for all of these …"""
BY_THEMSELVES = ("tests/faults/traps/", "tests/faults/test_database_", "tests/faults/test_kills")
"""… but not for those that need none or the session's."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist says nothing of its types
    """The tests of a file share a process, for what they share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(TOGETHER) and not nodeid.startswith(BY_THEMSELVES):
            return TOGETHER
        return str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Whatever --dist says."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first; else as they were found."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    ranks = (rank for rank, folder in enumerate(LONG_FIRST) if item.nodeid.startswith(folder))
    return next(ranks, len(LONG_FIRST))
