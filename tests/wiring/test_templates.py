"""The element templates are those of the handlers as they are now."""

from typing import Any

import orjson

from tests.wiring.test_stems import ROOT
from workers.runtime.commands.templates import FILE, FOLDER, current_document
from workers.runtime.templates import RETRIES

KEPT = ROOT / FOLDER / FILE


async def test_the_templates_are_current() -> None:
    """A handler's name, parameters, result or docstring changed: run `orderops templates`."""
    assert KEPT.read_bytes() == await current_document()


def properties(name: str, binding: str) -> dict[str, Any]:
    """Of the template with that name, those with that binding, by their ids."""
    [template] = [each for each in orjson.loads(KEPT.read_bytes()) if each["name"] == name]
    return {
        each["id"]: each for each in template["properties"] if each["binding"]["type"] == binding and "id" in each
    }


def test_an_input_says_what_it_takes_and_may_stay_empty() -> None:
    """Modeler writes no mapping for what is optional and empty."""
    inputs = properties("Place supplier order", "zeebe:input")
    assert list(inputs) == ["supplier", "agreed_cost", "currency"]
    assert all(each["optional"] for each in inputs.values())
    assert (inputs["supplier"]["feel"], inputs["agreed_cost"]["feel"]) == ("optional", "required")


def test_an_output_can_be_kept_under_another_name() -> None:
    outputs = properties("Place supplier order", "zeebe:output")
    assert {name: each["binding"]["source"] for name, each in outputs.items()} == {
        "result_supplier_order_id": "=supplier_order_id",
        "result_cost": "=cost",
    }
    assert all(each["optional"] for each in outputs.values())


def test_retries_are_filled_in() -> None:
    assert properties("Place supplier order", "zeebe:taskDefinition")["retries"]["value"] == RETRIES


def test_the_description_says_what_the_job_does_and_leaves() -> None:
    [template] = [each for each in orjson.loads(KEPT.read_bytes()) if each["name"] == "Place supplier order"]
    assert template["description"].endswith("Sets supplier_order_id, cost.")
    assert "OUT_OF_STOCK" in template["description"]
