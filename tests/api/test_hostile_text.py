"""Whatever comes from outside is shown as text, on every page there is."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from lxml import html
from sqlalchemy import update

from api.people import Role
from tests.api import ui_data
from tests.api.conftest import new_order_id
from tests.api.people import browser, client_at
from tests.api.ui_data import a_case, a_task, ago, an_entry, an_incident, an_instance, number
from workers.casefile.db import Database
from workers.casefile.models import Base, Case, CustomerRequest, Effect, InboxRow, Task
from workers.casefile.people_models import User
from workers.casefile.refund_models import Refund, RefundApproval
from workers.casefile.requests import RequestKind
from workers.runtime.bootstrap import Assembled

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "</title><script>alert(1)</script>",
    "</textarea></select><script>alert(1)</script>",
    "javascript:alert(1)",
    '<a href="javascript:alert(1)">x</a>',
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    '../../x.svg"><svg/onload=alert(1)>',
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--",
    "]]><x>",
]
HARMLESS = "harmless"
LEADS_TO = re.compile(r"[/#?](?!/)|http://(operate|tasklist)\.example/")
"""Addresses of ours, and of the two programs that the settings name."""

ADDRESS = ("name", "street", "street2", "city", "region", "postcode", "country")

Page = Callable[[FastAPI, Assembled, Database, str], Awaitable[httpx.Response]]


async def asked(assembled: Assembled, kind: RequestKind, text: str) -> str:
    """The address of a customer's page with this text in every fact it shows."""
    request_id = f"{new_order_id()}-{kind.value}"
    facts = dict.fromkeys(("name", "street", "street2", "postcode", "city", "region", "order_number"), text)
    await assembled.requests.open(
        request_id, case_id="1", kind=kind, facts={**facts, "country": "DE", "problems": [text]},
        lasts=timedelta(days=1),
    )  # fmt: skip
    return assembled.links.url_for(request_id, kind)


async def address(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    async with client_at(app) as client:
        return await client.get(await asked(assembled, RequestKind.ADDRESS, text))


async def address_again(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    """What was typed is shown again beside what is wrong."""
    link = await asked(assembled, RequestKind.ADDRESS, "")
    typed = {"name": text, "street": text, "city": text, "country": text}
    async with client_at(app) as client:
        return await client.post(link, data=typed)


async def choice(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    async with client_at(app) as client:
        return await client.get(await asked(assembled, RequestKind.REFUND_OR_WAIT, text))


async def log_in(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    async with client_at(app) as client:
        return await client.get(f"/login?{urlencode({'next': '/' + text})}")


async def log_in_again(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    async with client_at(app) as client:
        return await client.post("/login", data={"name": text, "password": text, "next": "/"})


async def log_out(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    async with browser(app, database, Role.AGENT) as ada:
        async with database.transaction() as session:
            await session.execute(update(User).where(User.name == ada.name).values(display_name=text))
        return await ada.client.get("/logout")


async def seen_by_a_lead(app: FastAPI, database: Database, path: str) -> httpx.Response:
    async with browser(app, database, Role.LEAD) as lena:
        return await lena.client.get(path)


async def case_of(database: Database, text: str) -> tuple[Case, Task]:
    """Everything of a case that somebody outside has a hand in."""
    price = {"minor": 1, "currency": "EUR"}
    order = {
        "email": text, "financial_status": text, "cancelled_at": None,
        "shipping_address": dict.fromkeys(ADDRESS, text),
        "lines": [{"sku": text, "title": text, "quantity": 1, "unit_price": price}],
    }  # fmt: skip
    case = a_case(shop_order=order, order_number=text, outcome=text, state="incident")
    task = a_task(case, element_id=text, candidate_groups=[text], assignee=text)
    question = CustomerRequest(
        id=f"{case.id}-q", case_id=case.id, kind=text, facts={"problems": [text]}, expires_at=ago(days=-1)
    )
    effect = Effect(key=f"{case.id}{text}", kind=text, case_id=case.id, state="unknown", request={})
    incident = an_incident(case, message=text, element_id=text, error_type=text)
    entry = an_entry(case, text, actor=text, element_id=text)
    await ui_data.add(database, case, task, question, effect, incident, entry)
    return case, task


async def ui_case(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    case, _ = await case_of(database, text)
    return await seen_by_a_lead(app, database, f"/ui/cases/{case.id}")


def a_refund(case: Case, text: str) -> list[Base]:
    """With its parts and somebody's approval, everything in it from outside."""
    part = {"id": text, "title": text, "quantity": 1, "amount": 100, "tax": 19}
    refund = Refund(
        id=f"{case.id}-{text}", case_id=case.id, charge_id=text, currency="EUR", requested_minor=100,
        amount_minor=100, parts=[part], reason=text, evidence=text, requested_by=text, state="failed",
        failure=text, provider_refund_id=text, requested_at=ago(), changed_at=ago(),
    )  # fmt: skip
    answers = [
        RefundApproval(
            task_key=number(), refund_id=refund.id, person=text, decision=text, amount_minor=100, reason=text,
            void=void, decided_at=ago(),
        )
        for void in (None, text)
    ]  # fmt: skip
    return [refund, *answers]


async def ui_case_refund(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    case = a_case()
    await ui_data.add(database, case, *a_refund(case, text))
    return await seen_by_a_lead(app, database, f"/ui/cases/{case.id}")


async def ui_case_told(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    """What disputes, tickets and approvals tell, and where it happened."""
    case = a_case()
    instances = [an_instance(case, key=number(), process=text, correlation_key=text) for _ in range(2)]
    kinds = ("dispute", "dispute_asked", "evidence_collected", "ticket_opened", "approval_given", "task_completed")
    entries = [
        an_entry(
            case, f"{text} said: {text}", kind=kind, facts={"person": text, "task": text},
            process_instance_key=instance.key, element_id=text,
        )
        for kind in kinds
        for instance in instances
    ]  # fmt: skip
    await ui_data.add(database, case, an_instance(case), *instances, *entries)
    return await seen_by_a_lead(app, database, f"/ui/cases/{case.id}")


async def ui_case_form(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    """What the form of an open task is given to draw: what is claimed, and what else its texts name."""
    case = a_case()
    task = a_task(case, element_id="Task_DecideOnMargin", candidate_groups=["lead"], assignee=text)
    facts = {"offer": text, "explanation": text}  # drawn as Markdown by a script: see tests/browser
    await ui_data.add(database, case, task, an_entry(case, "Told", facts=facts))
    return await seen_by_a_lead(app, database, f"/ui/cases/{case.id}")


async def ui_cases(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    case, _ = await case_of(database, text)
    return await seen_by_a_lead(app, database, f"/ui/cases?q={case.id}")


async def ui_search(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    return await seen_by_a_lead(app, database, f"/ui/cases?{urlencode({'q': text, 'process': 'none'})}")


async def ui_tasks(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    """Tasks of this place only: those of earlier runs have another."""
    _, task = await case_of(database, f"{text} {number()}")
    wanted = urlencode({"whose": "all", "element": task.element_id})
    return await seen_by_a_lead(app, database, f"/ui/tasks?{wanted}")


async def ui_task(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    _, task = await case_of(database, text)
    return await seen_by_a_lead(app, database, f"/ui/tasks/{task.key}")


async def ui_inbox(app: FastAPI, assembled: Assembled, database: Database, text: str) -> httpx.Response:
    before, row = (
        InboxRow(
            source="api", process=text, message_name=text, correlation_key=text, time_to_live_ms=1, variables={},
            dedupe_key=f"{number()}", body_sha256=b"", trace_id="", refused_at=ago(), last_error=text,
        )
        for _ in range(2)
    )  # fmt: skip
    await ui_data.add(database, before)
    await ui_data.add(database, row)
    return await seen_by_a_lead(app, database, f"/ui/inbox?state=refused&after={before.id}")


PAGES: list[Page] = [
    address, address_again, choice, log_in, log_in_again, log_out, ui_case, ui_case_refund, ui_case_told,
    ui_case_form, ui_cases, ui_search, ui_tasks, ui_task,
    ui_inbox,
]  # fmt: skip
"""Every page that shows something from outside, filled with it; new ones join here."""


def skeleton(page: str) -> list[tuple[str, ...]]:
    """What the page is made of, whatever it says: elements with the names of their attributes."""
    return [(str(element.tag), *map(str, element.attrib)) for element in html.document_fromstring(page).iter()]


def assert_own(page: str) -> list[str]:
    """Nothing in it that is done or fetched but what our files do; gives every text and value that it shows."""
    shown = []
    for element in html.document_fromstring(page).iter():
        assert isinstance(element.tag, str), "a comment"
        assert element.tag not in {"style", "iframe", "object", "embed", "base"}, element.tag
        shown += [element.text or "", element.tail or ""]
        if element.tag == "script":
            assert element.get("src"), "a script in the page itself"
            assert not (element.text or "").strip()
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            assert not name.startswith("on"), name
            assert name not in {"style", "srcdoc", "formaction"}, name
            if name in {"href", "src", "action"}:
                assert LEADS_TO.match(value), value
            shown.append(value)
    return shown


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
async def test_it_is_text(page: Page, text: str, app: FastAPI, assembled: Assembled, database: Database) -> None:
    answer = await page(app, assembled, database, text)
    assert answer.headers["content-type"].startswith("text/html")
    assert "unsafe" not in answer.headers["content-security-policy"]
    shown = assert_own(answer.text)
    assert skeleton(answer.text) == skeleton((await page(app, assembled, database, HARMLESS)).text)
    wanted = text.lower() if page is log_in_again else text
    assert any(wanted in each for each in shown), "it is not shown, so that this test shows nothing"


@pytest.mark.parametrize(
    "path",
    [
        "/", "/problems", "/login", "/logout", "/c/x", "/login?next=//x", "/docs", "/ui", "/ui/processes",
        "/ui/processes/fulfillment", "/ui/nothing", "/ui/cases/%3Cb%3E", "/ui/cases?after=%3Cb%3E",
    ],
)  # fmt: skip
async def test_pages_have_no_scripts_and_styles_in_themselves(path: str, app: FastAPI, database: Database) -> None:
    answer = await seen_by_a_lead(app, database, path)
    if answer.status_code != 303:
        assert answer.headers["content-type"].startswith("text/html")
        assert_own(answer.text)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
