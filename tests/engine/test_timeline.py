"""A case's timeline, told by the engine's own records and by workers: what a person reads on its page."""

import pytest
from sqlalchemy import ColumnElement, and_, select

from tests.engine.orders import an_order, wrong_address
from tests.engine.shop_floor import Floor
from workers.casefile.record_models import Decision, Definition, Instance

pytestmark = pytest.mark.engine


def fulfillment_of(case_id: str) -> ColumnElement[bool]:
    """Tracking is an instance of the same case."""
    return and_(Instance.case_id == case_id, Instance.process == "fulfillment")


async def test_a_corrected_address_is_a_story_that_reads(floor: Floor) -> None:
    """Elements, rules and answers are called as they are in the files that this instance goes by."""
    case_id = await floor.pay(an_order(shipping_address=wrong_address()))
    task = await floor.task(case_id, "Task_CorrectAddress")
    await floor.app.engine.assign_user_task(task.key, "ada")
    address = {"name": "A Customer", "street": "Hauptstraße 5", "postcode": "10115", "city": "Berlin"}
    answer = await floor.complete(task, {**address, "country": "DE"})
    assert answer.status_code == 200, answer.text
    assert await floor.ends(case_id) == "supplied"
    entries = await floor.app.cases.timeline(case_id)
    told = {
        entry.sentence: entry
        for entry in entries
        if entry.source == "engine" and entry.process_instance_key == task.process_instance_key
    }
    supplier = next(sentence for sentence in told if "Supplier choice" in sentence)
    assert supplier.startswith("Decision “Supplier choice” chose rule ")
    assert list(told) == [
        "Message order_paid received: “Order paid”",
        "Decision “Address check” chose rule 8: Not as postcodes of this country look",
        "Task “Correct address” waits for support",
        "Task “Correct address” was taken by ada",
        "Task “Correct address” was completed by ada",
        "Decision “Address check”: no rule applied",
        supplier,
        "Ended with “Order supplied”",
    ]
    completed = told["Task “Correct address” was completed by ada"]
    assert (completed.actor, completed.element_id) == ("ada", "Task_CorrectAddress")
    assert completed.process_instance_key == task.process_instance_key
    assert "Hauptstraße" not in str(completed.facts)


async def test_what_workers_did_names_the_place_where_they_did_it(floor: Floor) -> None:
    case_id = await floor.pay(an_order())
    assert await floor.ends(case_id) == "supplied"
    [bought] = [entry for entry in await floor.app.cases.timeline(case_id) if entry.key == "bought"]
    async with floor.app.database.sessions() as session:
        [instance] = await session.scalars(select(Instance).where(fulfillment_of(case_id)))
    assert (bought.source, bought.element_id) == ("worker", "Task_PlaceSupplierOrder")
    assert bought.process_instance_key == instance.key


async def test_decisions_and_the_files_they_were_made_by_are_kept(floor: Floor) -> None:
    case_id = await floor.pay(an_order())
    await floor.ends(case_id)
    async with floor.app.database.sessions() as session:
        [instance] = await session.scalars(select(Instance).where(fulfillment_of(case_id)))
        diagram = await session.get_one(Definition, instance.definition_key)
        made = select(Decision).where(Decision.process_instance_key == instance.key).order_by(Decision.position)
        address, supplier = await session.scalars(made)
    assert (instance.state, diagram.id, diagram.kind) == ("done", "fulfillment", "process")
    assert "bpmn:process" in diagram.resource
    assert (address.decision, address.element_id) == ("fulfillment_address_check", "Task_CheckAddress")
    assert supplier.output is not None
    assert supplier.output["verdict"] == "order"
    tables = [table["decision"] for table in supplier.tables]
    assert tables == ["fulfillment_supplier_zone", "fulfillment_supplier_policy", "fulfillment_supplier_verdict"]
    assert all(table["rules"] for table in supplier.tables)
