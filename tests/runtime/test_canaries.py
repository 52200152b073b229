"""A person's data gets neither into logs nor into what the engine is told about failures, nor into traces."""

import asyncio
import sys

import orjson

from tests.runtime.failing_worker import CANARY, FAILING

CANARIES = 1_000


async def run(log_format: str) -> tuple[dict[str, list[str]], str]:
    """What a worker told the engine and the collector, and what it logged."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.runtime.failing_worker", log_format, str(CANARIES),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(worker.communicate(), 120)
    return orjson.loads(out), err.decode()


async def test_no_canary_of_a_thousand_gets_out_of_a_failing_worker() -> None:
    """Every way to fail by turns, in processes of their own, whose every word is read."""
    canaries = [CANARY.format(number) for number in range(CANARIES)]
    for told, logged in await asyncio.gather(run("json"), run("console")):
        assert logged.count("job.incident") + logged.count("job.completed") == CANARIES
        assert len(told["traces"]) == CANARIES
        assert "loop.error" in logged
        assert [each.__name__ for each in FAILING if each.__name__ not in logged] == [], "places are told"
        texts = {"logs": [logged], **told}
        found = {where: sum(canary in "\n".join(text) for canary in canaries) for where, text in texts.items()}
        assert found == {"logs": 0, "incidents": 0, "traces": 0}
        print(f"canaries found of {CANARIES}: {found}")  # noqa: T201  # the figure
