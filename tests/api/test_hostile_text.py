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
from tests.api.conftest import new_order_id
from tests.api.people import browser, client_at
from workers.casefile.db import Database
from workers.casefile.models import User
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
ELEMENTS = {
    "html", "head", "meta", "title", "link", "body", "main", "nav", "header", "footer", "section", "article",
    "aside", "h1", "h2", "h3", "p", "ul", "ol", "li", "dl", "dt", "dd", "a", "code", "strong", "small", "span",
    "div", "time", "table", "thead", "tbody", "tr", "th", "td", "caption", "form", "fieldset", "legend", "label",
    "input", "select", "option", "textarea", "button", "details", "summary", "progress", "template", "script",
}  # fmt: skip
"""What our pages are made of; a picture or a drawing in the text of a page came from outside."""

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


PAGES: list[Page] = [address, address_again, choice, log_in, log_in_again, log_out]
"""Every page that shows something from outside, filled with it; new ones join here."""


def assert_harmless(page: str) -> list[str]:
    """Nothing in it that a template of ours would not write; gives every text and value that it shows."""
    shown = []
    for element in html.document_fromstring(page).iter():
        assert isinstance(element.tag, str), "a comment"
        assert element.tag in ELEMENTS, element.tag
        shown.append(element.text or "")
        if element.tag == "script":
            assert element.get("src"), "a script in the page itself"
            assert not (element.text or "").strip()
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            assert not name.startswith("on"), name
            assert name not in {"style", "srcdoc", "formaction"}, name
            if name in {"href", "src", "action"}:
                assert re.match(r"[/#](?!/)", value), value
            shown.append(value)
    return shown


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
async def test_it_is_text(page: Page, text: str, app: FastAPI, assembled: Assembled, database: Database) -> None:
    answer = await page(app, assembled, database, text)
    assert answer.headers["content-type"].startswith("text/html")
    assert "unsafe" not in answer.headers["content-security-policy"]
    shown = assert_harmless(answer.text)
    wanted = text.lower() if page is log_in_again else text
    assert any(wanted in each for each in shown), "it is not shown, so that this test shows nothing"


@pytest.mark.parametrize(
    "path", ["/", "/problems", "/login", "/logout", "/c/x", "/ui/nothing", "/login?next=//x", "/docs"]
)
async def test_pages_have_no_scripts_and_styles_in_themselves(path: str, app: FastAPI) -> None:
    async with client_at(app) as client:
        answer = await client.get(path)
    if answer.status_code != 303:
        assert answer.headers["content-type"].startswith("text/html")
        assert_harmless(answer.text)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
