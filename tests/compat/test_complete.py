"""Nothing that is tested on 8.6 is forgotten on 8.8, and everything is accepted there."""

from pathlib import Path

import pytest

from tests.compat.engine88 import VERSION, Engine88
from workers.runtime.deploy import resources
from workers.runtime.engine import Engine

pytestmark = pytest.mark.compat

TESTS = Path(__file__).parents[1]
NOT_ABOUT_MODELS = {
    "test_change_a_process.py",  # about our commands
    "test_duplicates.py",  # about the engine's clock and the relay
    "test_every_rule_is_tested.py",
    "test_host.py",  # about brokers and gateways, of which the engine in memory has neither
    "test_people.py",  # about user tasks over REST, which it has not
    "test_sequence_flows.py",
    "test_timeline.py",  # about the record stream as the exporter sends it
}
NOT_TRIED_HERE = {
    "test_chargeback.py",
    "test_escalation.py",
    "test_hazard.py",
    "test_hostile_tickets.py",
    "test_notice.py",
    "test_parcel_orders.py",
    "test_refund.py",
    "test_refund_came_back.py",
    "test_refund_races.py",
    "test_resolution.py",
    "test_several_instances.py",
    "test_tracking.py",
    "test_triage.py",
}
"""Ways of the newer processes: most lead through the record stream and through user tasks, which are answered over
REST. That 8.8 takes their models is tested below, their decisions row by row."""


def test_every_test_of_models_runs_here_too() -> None:
    on_86 = {path.name for folder in ("engine", "decisions") for path in (TESTS / folder).glob("test_*.py")}
    here = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert on_86 - NOT_ABOUT_MODELS - NOT_TRIED_HERE <= here


async def test_all_models_and_forms_are_deployed_in_one_call(engine88: Engine88) -> None:
    async with Engine(engine88.grpc_address, "http://127.0.0.1:9") as engine:
        assert (await engine.topology()).gateway_version == VERSION
        deployed = await engine.deploy(resources())
        again = await engine.deploy(resources())
    assert {Path(name).stem for name in resources()} <= {item.id for item in deployed}
    assert [item.id for item in again if item.new] == []
