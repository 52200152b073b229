"""Jobs a second and CPU per job: our host, plain pyzeebe, the bare stubs and the Java client, in turns on one
broker.

Each serves a two-task process of its own with handlers that do nothing. Another process starts the instances for
all of them alike and keeps so many in flight that the broker is never idle. The broker's records are not exported
meanwhile, as with a broker of its own. The last figure is what our host adds to a job at a gentle pace.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.bench.clients.java import build, java_client, why_not
from tests.bench.clients.programs import Program, python
from tests.bench.clients.two_tasks import JOBS, deploy_two_tasks, process_of
from tests.bench.engine_metrics import export_records
from tests.bench.ground import Ground
from tests.bench.usage import cpu_seconds, percentile
from workers.runtime.engine import Engine

IN_FLIGHT = 24
PACE = 20
"""Instances a second for what a job takes."""


@dataclass(frozen=True)
class Round:
    """One client's turn."""

    jobs: float
    seconds: float
    client_cpu: float
    broker_cpu: float


@dataclass(frozen=True)
class Turns:
    """How long the turns are: a round ends when its instances have ended or its time is over."""

    warm_seconds: float
    instances: int
    seconds: float
    rounds: int
    pace_seconds: float
    unmeasured: int = 0
    """Turns of the first client before: a cold engine is half as fast, and would be so for whoever comes first."""
    clients: tuple[str, ...] = ("ours", "ours_journal", "bare", "pyzeebe_streaming", "pyzeebe_polling", "java")


FULL = Turns(warm_seconds=3, instances=2_000, seconds=20, rounds=3, pace_seconds=20, unmeasured=2)
TIMED = "ours_timed"


def quick_turns(window: float) -> Turns:
    """One short turn for us and one for Java: what the goals are about."""
    return Turns(
        warm_seconds=0.1 * window,
        instances=2_000,
        seconds=0.3 * window,
        rounds=1,
        pace_seconds=0.3 * window,
        clients=("ours", "java"),
    )


Started = Callable[[], Program]


async def measure(ground: Ground) -> dict[str, Any]:
    """The figures of this part, without the records of these processes being exported."""
    management = ground.stack.management_url
    export_records(management, on=False)
    try:
        return await take_turns(ground, quick_turns(ground.lengths.window) if ground.lengths.quick else FULL)
    finally:
        export_records(management, on=True)


async def take_turns(ground: Ground, turns: Turns) -> dict[str, Any]:
    """The figures of every client."""
    side_by_side = SideBySide(ground, turns)
    async with Engine(ground.stack.grpc_address, ground.stack.rest_url) as engine:
        await deploy_two_tasks(engine, side_by_side.processes)
    return await asyncio.to_thread(side_by_side.measure)


class SideBySide:
    """The clients in turns."""

    def __init__(self, ground: Ground, turns: Turns) -> None:
        self._ground = ground
        self._turns = turns
        self.left_out: dict[str, str] = {}
        """Clients that cannot be measured here, and why."""
        self._clients = {name: each for name, each in self._who().items() if name in turns.clients}

    @property
    def processes(self) -> list[str]:
        """For whom there must be a process."""
        return [*self._clients, TIMED]

    def _who(self) -> dict[str, Started]:
        stack = self._ground.stack
        clients: dict[str, Started] = {}
        for name in ("ours", "ours_journal"):
            clients[name] = self._python("ours", name, stack.database_url)
        for name in ("pyzeebe_streaming", "pyzeebe_polling"):
            clients[name] = self._python("plain", name)
        clients["bare"] = self._python("bare", "bare")
        if reason := why_not():
            self.left_out["java"] = reason
            self._ground.say(f"The Java client is left out: {reason}")
        else:
            if "java" in self._turns.clients:
                build()
            clients["java"] = lambda: java_client(stack.grpc_address, "java", self._log("java"))
        return clients

    def _python(self, module: str, name: str, *more: str) -> Started:
        address = self._ground.stack.grpc_address
        return lambda: python(module, address, name, *more, log=self._log(name))

    def _log(self, name: str) -> Path:
        return self._ground.stack.config.logs_dir / f"bench-{name}.log"

    def measure(self) -> dict[str, Any]:
        """Every client in turns, then what a job takes."""
        turns = self._turns
        rounds: dict[str, list[Round]] = {name: [] for name in self._clients}
        with python("starter", self._ground.stack.grpc_address, log=self._log("starter")) as starter:
            for name, started in list(self._clients.items())[:1] * turns.unmeasured:
                self._ground.say("Clients: the engine warms up")
                self._round(starter, name, started)
            for number in range(turns.rounds):
                for name, started in _from(number, self._clients):
                    self._ground.say(f"Clients: round {number + 1} of {turns.rounds}, {name}")
                    rounds[name].append(self._round(starter, name, started))
            took = self._pace(starter)
        return self.figures(rounds, took)

    def figures(self, rounds: dict[str, list[Round]], took: list[float]) -> dict[str, Any]:
        """What is reported of these rounds and times; who was left out comes first."""
        return {**({"left_out": self.left_out} if self.left_out else {}), **_figures(rounds, took)}

    def _round(self, starter: Program, name: str, started: Started) -> Round:
        process, turns = process_of(name), self._turns
        with started() as client:
            starter.ask(f"run {process} 1 60 1")
            starter.ask(f"run {process} 1000000 {turns.warm_seconds} {IN_FLIGHT}")
            before, broker_before = cpu_seconds(client.pid), cpu_seconds(self._ground.pids["broker"])
            done = orjson.loads(starter.ask(f"run {process} {turns.instances} {turns.seconds} {IN_FLIGHT}"))
            return Round(
                jobs=JOBS * done["instances"],
                seconds=done["seconds"],
                client_cpu=cpu_seconds(client.pid) - before,
                broker_cpu=cpu_seconds(self._ground.pids["broker"]) - broker_before,
            )

    def _pace(self, starter: Program) -> list[float]:
        """Milliseconds from a job's arrival to the engine's receipt, without those of the first second."""
        self._ground.say(f"Clients: what a job takes at {PACE} instances a second")
        stack = self._ground.stack
        with python("ours", stack.grpc_address, TIMED, stack.database_url, log=self._log("timed")) as host:
            starter.ask(f"run {process_of(TIMED)} 1 60 1")
            starter.ask(f"pace {process_of(TIMED)} {PACE} {1 + self._turns.pace_seconds}")
            time.sleep(0.2)
            took = [float(ms) for ms in host.end().split()]
        return took[2 * JOBS + PACE :]


def _from(number: int, clients: Mapping[str, Started]) -> list[tuple[str, Started]]:
    """Each round begins with another: nobody always comes first, or always after the same one."""
    each = list(clients.items())
    first = number * 2 % len(each)
    return each[first:] + each[:first]


def _figures(rounds: dict[str, list[Round]], took: list[float]) -> dict[str, Any]:
    speed = {name: statistics.median(each.jobs / each.seconds for each in them) for name, them in rounds.items()}
    cpu = {
        name: statistics.median(1000 * each.client_cpu / each.jobs for each in them)
        for name, them in rounds.items()
    }
    broker = {
        name: statistics.median(1000 * each.broker_cpu / each.jobs for each in them)
        for name, them in rounds.items()
    }
    return {
        "jobs_per_s": _rounded(speed, 1),
        "client_cpu_ms_per_job": _rounded(cpu, 3),
        "broker_cpu_ms_per_job": _rounded(broker, 2),
        "jobs_per_s_by_round": {
            name: " ".join(f"{each.jobs / each.seconds:.0f}" for each in them) for name, them in rounds.items()
        },
        **_against_java(speed, cpu),
        "job_overhead_p50_ms": round(percentile(took, 0.5), 2),
        "job_overhead_p99_ms": round(percentile(took, 0.99), 2),
    }


def _against_java(speed: dict[str, float], cpu: dict[str, float]) -> dict[str, float | None]:
    """Ours divided by Java's; None for those that were not measured, Java without a JDK among them."""

    def ratio(of: dict[str, float], name: str) -> float | None:
        return round(of[name] / of["java"], 2) if {name, "java"} <= of.keys() else None

    return {
        "ratio_java": ratio(speed, "ours"),
        "ratio_java_journal": ratio(speed, "ours_journal"),
        "cpu_ratio_java": ratio(cpu, "ours"),
        "cpu_ratio_java_journal": ratio(cpu, "ours_journal"),
    }


def _rounded(values: dict[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in values.items()}
