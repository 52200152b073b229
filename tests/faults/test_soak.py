"""The parts of `make soak` that need no stack: who is killed when, which orders come, and the verdict."""

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from tests.faults.soak.chaos import VICTIMS, Weather
from tests.faults.soak.orders import TROUBLES, plan_of
from tests.faults.soak.report import judge
from tests.faults.soak.run import Outcome
from workers.runtime.invariants import Check

GOOD = Outcome(
    checks=[Check("I1", "", 1, []), Check("I2", "", 1, []), Check("I3", "", 1, [])],
    unknown=[],
    errors=[],
    kills=Counter(VICTIMS),
    labels=Counter(),
    deliveries=1,
    incidents=[],
    seconds=1,
)


def test_the_same_seed_gives_the_same_kills_and_troubles() -> None:
    assert list(islice(Weather(5).strikes(), 40)) == list(islice(Weather(5).strikes(), 40))
    assert list(islice(Weather(5).strikes(), 40)) != list(islice(Weather(6).strikes(), 40))
    assert plan_of(300, 5) == plan_of(300, 5)
    assert plan_of(300, 5) != plan_of(300, 6)


def test_each_round_kills_everybody_once_within_the_limits() -> None:
    strikes = list(islice(Weather(1).strikes(), 40))
    for begin in range(0, 40, len(VICTIMS)):
        assert sorted(strike.victim for strike in strikes[begin : begin + len(VICTIMS)]) == sorted(VICTIMS)
    assert all(5 <= strike.pause <= 40 and 0 <= strike.down <= 30 for strike in strikes)


def test_orders_have_ids_of_their_own_and_every_trouble_strikes_some() -> None:
    plan = plan_of(1000, 1)
    assert len(plan.by_case) == 1000
    troubles = Counter(trouble for one in plan.orders for trouble in one.troubles)
    assert set(troubles) == set(TROUBLES)
    assert 150 < troubles.total() < 250
    assert 60 < sum(one.repeated for one in plan.orders) < 140


def test_a_soak_through_which_all_came_well_is_ok() -> None:
    figures = judge(10, 1, GOOD)
    assert figures.ok
    assert figures.kills == dict.fromkeys(VICTIMS, 1)


@pytest.mark.parametrize(
    ("flaw", "where"),
    [
        ({"unknown": ["order 1"]}, "I1"),
        ({"checks": [Check("I1", "", 1, ["order 1: it was published, and there is no instance"])]}, "I1"),
        ({"checks": [Check("I2", "", 1, ["cogs:1: is in the books 2 times"])]}, "I2"),
        ({"checks": [Check("I3", "", 1, ["order 1: stands still"])]}, "I3"),
        ({"errors": ["a delivery was answered 500"]}, "answers"),
        ({"incidents": ["Task_GetOrder: the shop is away"]}, "incidents"),
    ],
)
def test_each_violation_is_counted_where_it_belongs(flaw: dict[str, Any], where: str) -> None:
    figures = judge(10, 1, replace(GOOD, **flaw))
    assert not figures.ok
    assert {name: number for name, number in figures.violations.items() if number} == {where: 1}


def test_a_soak_that_did_not_kill_everybody_is_no_proof() -> None:
    assert not judge(10, 1, replace(GOOD, kills=Counter(VICTIMS[:3]))).ok
