"""The element templates are those of the handlers as they are now."""

import orjson

from tests.wiring.test_stems import ROOT
from workers.runtime.commands.templates import FILE, FOLDER, current_document

KEPT = ROOT / FOLDER / FILE


async def test_the_templates_are_current() -> None:
    """A handler's name, parameters, result or docstring changed: run `orderops templates`."""
    assert KEPT.read_bytes() == await current_document()


def test_an_input_says_what_it_takes_and_may_stay_empty() -> None:
    """Modeler writes no mapping for what is optional and empty."""
    [template] = [each for each in orjson.loads(KEPT.read_bytes()) if each["name"] == "Place supplier order"]
    inputs = {each["id"]: each for each in template["properties"] if each["type"] != "Hidden"}
    assert list(inputs) == ["supplier", "agreed_cost", "currency"]
    assert all(each["optional"] for each in inputs.values())
    assert (inputs["supplier"]["feel"], inputs["agreed_cost"]["feel"]) == ("optional", "required")
    assert template["description"].endswith("Sets supplier_order_id, cost.")
    assert "OUT_OF_STOCK" in template["description"]
