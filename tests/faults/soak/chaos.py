"""Kills at random: whom, when, and for how long it stays away, all from one seed."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from workers.runtime.native.supervisor import Supervisor

VICTIMS = ("worker", "api", "bridge", "broker-1", "postgres")


@dataclass(frozen=True, slots=True)
class Strike:
    """One kill, so many seconds after the one before."""

    pause: float
    victim: str
    down: float
    """Seconds until it is started again."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it gets; seconds, from least to most."""

    seed: int
    pause: tuple[float, float] = (5, 40)
    down: tuple[float, float] = (0, 30)
    rounds: int = 1_000_000

    def strikes(self) -> Iterator[Strike]:
        """Each round has every victim once, in an order of its own."""
        random = Random(self.seed)
        for _ in range(self.rounds):
            for victim in random.sample(VICTIMS, len(VICTIMS)):
                yield Strike(random.uniform(*self.pause), victim, random.uniform(*self.down))


@dataclass
class Chaos:
    """Kills until told to stop, and every victim once at least."""

    supervisor: Supervisor
    weather: Weather
    kills: Counter[str] = field(default_factory=Counter)
    last: str = ""
    """The latest kill, in words."""

    async def run(self, over: asyncio.Event) -> None:
        """One kill after the other, one round at least; who is down already is spared. Ends when all are back."""
        for number, strike in enumerate(self.weather.strikes()):
            if over.is_set() and number >= len(VICTIMS):
                break
            await asyncio.sleep(strike.pause)
            if self.supervisor.kill(strike.victim, strike.down):
                self.kills[strike.victim] += 1
                self.last = f"{strike.victim}, away for {strike.down:.0f} s"
        await self._all_back()

    async def _all_back(self) -> None:
        parts = self.supervisor.state.components
        while any(parts[name].state not in {"ready", "failed"} for name in VICTIMS):  # noqa: ASYNC110  # threads
            await asyncio.sleep(0.2)
