"""What a form shows comes from outside, and form-js draws it as Markdown: it stays text in a real browser, too."""

from typing import Any

import orjson
import pytest
from playwright.async_api import Dialog

from api.forms import _NAME, _TEMPLATE
from api.people import Role
from tests.api.test_hostile_text import HOSTILE
from tests.api.ui_data import a_case, a_task, add, ago, an_entry, number
from tests.browser.conftest import Visit, Visitor
from tests.browser.test_pages import drawn
from workers.casefile.db import Database
from workers.casefile.models import CustomerRequest
from workers.casefile.record_models import Definition
from workers.runtime.resources import forms_dir

pytestmark = pytest.mark.browser

MARKDOWN = [*HOSTILE, "[x](javascript:alert(1))", "![x](//evil.example/x.png)", "<iframe src=//evil.example>"]
ALL = "\n\n".join(MARKDOWN)
FORMS = sorted(path.stem for path in forms_dir().glob("*.form"))

DANGEROUS = """each => [...each.querySelectorAll("*")].filter(node =>
    ["SCRIPT", "IFRAME", "OBJECT", "EMBED", "BASE", "META"].includes(node.tagName)
    || [...node.attributes].some(a => a.name.startsWith("on") || /^\\s*javascript:/i.test(a.value))
    || node.tagName === "IMG" && !node.src.startsWith("data:")
).map(node => node.outerHTML)"""


def names_in(form: dict[str, Any]) -> set[str]:
    """Of everything that its texts and fields show."""
    texts = orjson.dumps(form).decode()
    named = set(_NAME.findall(" ".join(_TEMPLATE.findall(texts))))
    return named | {part["key"] for part in form["components"] if "key" in part}


async def seen(visit: Visit, database: Database, form: dict[str, Any], data: dict[str, Any], path: str) -> Visitor:
    """The task's page, or the case's, with this form."""
    case = a_case()
    deployed = Definition(
        key=number(), kind="form", id="hostile", version=1, resource=orjson.dumps(form).decode(), deployed_at=ago()
    )
    task = a_task(case, form_key=deployed.key)
    asked = CustomerRequest(
        id=f"{case.id}-q", case_id=case.id, kind="address", facts=data, expires_at=ago(days=-1)
    )
    await add(database, case, deployed, task, asked, an_entry(case, "Told", facts=data))
    visitor = await visit(path.format(case=case.id, task=task.key), Role.LEAD)

    def warn(dialog: Dialog) -> None:
        visitor.complaints.append(f"it ran: {dialog.message}")

    visitor.page.on("dialog", warn)
    await visitor.page.reload()
    await drawn(visitor)
    return visitor


async def assert_harmless(visitor: Visitor) -> None:
    assert await visitor.page.locator("[data-form]").evaluate(DANGEROUS) == []
    assert visitor.complaints == []


@pytest.mark.parametrize("path", ["/ui/tasks/{task}", "/ui/cases/{case}"])
@pytest.mark.parametrize("name", FORMS)
async def test_what_our_forms_show_of_others_is_text(
    name: str, path: str, visit: Visit, database: Database
) -> None:
    form = orjson.loads((forms_dir() / f"{name}.form").read_bytes())
    visitor = await seen(visit, database, form, dict.fromkeys(names_in(form), ALL), path)
    await assert_harmless(visitor)


async def test_a_form_with_a_hostile_title_and_hostile_labels_does_nothing(
    visit: Visit, database: Database
) -> None:
    """Whoever deploys forms is trusted with processes, and not with what browsers of others do."""
    form = {
        "type": "default",
        "id": ALL,
        "components": [
            {"type": "text", "text": f"# {ALL}"},
            {"type": "textfield", "key": "a", "label": ALL, "description": ALL},
            {"type": "radio", "key": "b", "label": ALL, "values": [{"label": ALL, "value": ALL}]},
            {"type": "checkbox", "key": "c", "label": ALL},
        ],
    }
    for path in ("/ui/tasks/{task}", "/ui/cases/{case}"):
        visitor = await seen(visit, database, form, {"a": ALL, "b": ALL}, path)
        assert await visitor.page.locator("[data-form]").evaluate(DANGEROUS.replace('"IMG"', '"none"')) == []
        assert [each for each in visitor.complaints if "it ran" in each] == []
        assert "alert(1)" in await visitor.page.locator("[data-form]").inner_text(), "it is not shown"
