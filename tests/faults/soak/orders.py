"""The orders of a soak: our samples again and again under ids of their own, a fifth of them with a trouble, and a
tenth that do not simply arrive."""

from collections.abc import Iterator
from itertools import count, cycle, islice
from typing import Any

from workers.adapters.olist import read_jsonl
from workers.runtime.demo.plan import Journey, Plan, Trouble, planned, share
from workers.runtime.resources import samples_dir

FIRST_ORDER = 8_000_000_000_001
TROUBLED = 0.20
REPEATED = 0.10
TROUBLES = tuple(trouble for trouble in Trouble if trouble is not Trouble.NONE_LEFT_WAIT)
"""Who waits for stock waits for days, and the broker's moved clock does not outlive the broker."""

MADE_GOOD = 0.10
JOURNEYS = tuple(journey for journey in Journey if journey not in {Journey.DELIVERED, Journey.QUIET})
"""A parcel that stands still does so for days."""


def plan_of(number: int, seed: int) -> Plan:
    """So many orders; what happens to each is decided by its id and the seed."""
    plan = Plan()
    for order in islice(_orders(), number):
        case_id = str(order["id"])
        drawn = share(case_id, f"soak {seed}")
        strike = [TROUBLES[int(drawn / TROUBLED * len(TROUBLES))]] if drawn < TROUBLED else []
        repeated = share(case_id, f"repeated {seed}") < REPEATED
        way = share(case_id, f"journey {seed}")
        journey = JOURNEYS[int(way / MADE_GOOD * len(JOURNEYS))] if way < MADE_GOOD else Journey.DELIVERED
        plan.orders.append(planned(order, strike, journey, repeated=repeated, fresh=share(case_id, "fresh") < 0.5))
    return plan


def _orders() -> Iterator[dict[str, Any]]:
    samples = cycle(list(read_jsonl(samples_dir() / "orders.jsonl")))
    for number, sample in zip(count(FIRST_ORDER), samples, strict=False):
        yield {
            **sample,
            "id": number,
            "name": f"#{number}",
            "email": sample.get("email") and f"c{number}@example.com",
        }
