"""What every page has, the start page, processes, and the files that pages load."""

import hashlib
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import orjson
import pytest
from fastapi import FastAPI

from api import assets
from api.people import Role
from tests.api.fake_engine import FakeEngine
from tests.api.people import Browser, browser
from tests.api.ui_data import a_case, a_task, add, ago, an_element, an_incident, an_instance, form_of, number, text
from workers.casefile.db import Database
from workers.casefile.lists import COUNTED
from workers.casefile.models import InboxRow
from workers.casefile.record_models import Definition
from workers.runtime.errors import EngineUnavailable
from workers.runtime.resources import models_dir

LOCK = Path(__file__).parents[2] / ".assets" / "package-lock.json"
PAGES = (
    "/ui",
    "/ui/cases",
    "/ui/tasks",
    "/ui/processes",
    "/ui/processes/fulfillment",
    "/ui/inbox",
    "/ui/escalations",
    "/ui/sla",
)


@pytest.fixture
async def auditor(app: FastAPI, database: Database) -> AsyncIterator[Browser]:
    """Who may see everything and do nothing."""
    async with browser(app, database, Role.AUDITOR) as somebody:
        yield somebody


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_nothing_inline_and_says_so(auditor: Browser, path: str) -> None:
    answer = await auditor.client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    for tag, attributes in Tags(answer.text).found:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_leads_to_a_page(auditor: Browser, path: str) -> None:
    for tag, attributes in Tags(await text(auditor, path)).found:
        href = attributes.get("href") or ""
        if tag == "a" and href.startswith("/"):
            await text(auditor, href)


@pytest.mark.parametrize("path", PAGES)
async def test_what_a_page_loads_is_there_and_kept_for_ever(auditor: Browser, path: str) -> None:
    for tag, attributes in Tags(await text(auditor, path)).found:
        for name in {"link": ("href",), "script": ("src",)}.get(
            tag, ("data-morph", "data-viewer", "data-library")
        ):
            if (address := attributes.get(name)) and "icon" not in address:
                answer = await auditor.client.get(address)
                assert answer.status_code == 200, address
                assert "immutable" in answer.headers["cache-control"], address


async def test_no_page_asks_the_engine(app: FastAPI, database: Database, engine_seen: FakeEngine) -> None:
    """While it is away every page is there; what needs it is answered 503, and works when it is back."""
    case, stuck = a_case(), a_case(state="incident")
    task, incident = a_task(case), an_incident(stuck)
    await add(database, case, stuck, task, incident)
    engine_seen.open_tasks[task.key] = None
    engine_seen.away = EngineUnavailable("gone")
    async with browser(app, database, Role.LEAD) as lead:
        for path in (*PAGES, f"/ui/cases/{case.id}", f"/ui/cases/{stuck.id}", f"/ui/tasks/{task.key}"):
            await text(lead, path)
        claim, retry = f"/ui/tasks/{task.key}/claim", f"/ui/incidents/{incident.key}/retry"
        for path in (claim, retry):
            answer = await lead.client.post(path, data=form_of(lead))
            assert answer.status_code == 503
            assert "retry-after" in answer.headers
            assert answer.headers["content-type"].startswith("text/html")
        engine_seen.away = None
        for path in (claim, retry):
            assert (await lead.client.post(path, data=form_of(lead))).status_code == 303


async def test_who_is_not_logged_in_is_led_to_the_log_in_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ui/cases?state=open", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/ui/cases%3Fstate%3Dopen")


class TestStart:
    async def test_the_figures_count_what_their_lists_show(self, auditor: Browser, database: Database) -> None:
        case, stuck = a_case(), a_case(state="incident")
        await add(database, case, stuck, a_task(case, due_at=ago(hours=1)), an_incident(stuck))
        page = await text(auditor, "/ui")
        for label, address in [
            ("cases under way", "/ui/cases?state=open"),
            ("cases stand still", "/ui/cases?state=incident"),
            ("tasks overdue", "/ui/tasks?whose=all&due=overdue"),
            ("tasks in all", "/ui/tasks?whose=all"),
        ]:
            [figure] = re.findall(rf"<strong>([\d+]+)</strong> <span>{label}</span>", page)
            [counted] = re.findall(r'role="status">([\d+]+) ', await text(auditor, address))
            assert figure == counted != "0", label

    @pytest.mark.parametrize("role", list(Role))
    async def test_messages_about_what_nobody_knows_are_counted_and_listed_for_everybody(
        self, app: FastAPI, database: Database, role: Role
    ) -> None:
        parcel = f"JD{number()}"
        lain = {"received_at": ago(hours=1), "published_at": ago(hours=1), "matched": False}
        row = InboxRow(
            source="easypost", process="tracking", message_name="parcel_moved", correlation_key=parcel,
            time_to_live_ms=1, variables={}, dedupe_key=parcel, body_sha256=b"", trace_id="", **lain,
        )  # fmt: skip
        await add(database, row)
        async with browser(app, database, role) as somebody:
            start = await text(somebody, "/ui")
            [figure] = re.findall(r"<strong>(\d+)</strong> <span>messages about what nobody knows</span>", start)
            assert int(figure) >= 1
            page = await text(somebody, f"/ui/inbox?state=unmatched&after={row.id - 1}")
        assert "ask whoever sent it" in page
        assert re.search(rf'data-label="From">easypost</td>\s*<td data-label="For"><a [^>]+>{parcel}</a>', page)

    async def test_a_case_that_takes_longer_than_nearly_all_is_at_risk(
        self, auditor: Browser, database: Database
    ) -> None:
        ended = [a_case(state="done", opened_at=ago(hours=2), closed_at=ago(seconds=-60)) for _ in range(30)]
        old = a_case(opened_at=ago(days=400))
        await add(database, *ended, old)
        page = await text(auditor, "/ui")
        assert "cases older than usual" in page
        [address] = re.findall(r'href="(/ui/cases\?state=open&amp;sort=oldest&amp;opened_before=[^"]+)"', page)
        assert old.id in await text(auditor, address.replace("&amp;", "&"))


class TestProcesses:
    async def test_the_diagram_says_how_many_cases_are_where(self, auditor: Browser, database: Database) -> None:
        case = a_case()
        await add(
            database,
            case,
            an_element(case, "Task_CheckStock", "ELEMENT_ACTIVATED"),
            an_incident(case, element_id="Task_CheckStock"),
        )
        page = await text(auditor, "/ui/processes/fulfillment")
        assert re.search(r'<th scope="row">Check stock</th><td class="number">[1-9]', page)

    async def test_its_figures_count_what_their_lists_show(self, auditor: Browser, database: Database) -> None:
        """Also of a process that others call: a refund in an order's case, which stands still or has ended."""
        going, stuck, over = a_case(), a_case(state="incident"), a_case()
        refunds = [
            an_instance(case, key=number(), process="refund", state=state, root_key=case.process_instance_key)
            for case, state in [(going, "open"), (stuck, "open"), (over, "done")]
        ]
        wrong = an_incident(stuck, process="refund", process_instance_key=refunds[1].key)
        more = [an_instance(case) for case in (going, stuck, over)]
        before = await counted(auditor)
        await add(database, going, stuck, over, *more, *refunds, wrong)
        after = await counted(auditor)
        assert after["refund", "open"] == min(before["refund", "open"] + 1, COUNTED)
        assert after["refund", "incident"] == before["refund", "incident"] + 1
        assert after["fulfillment", "open"] == min(before["fulfillment", "open"] + 2, COUNTED)
        assert after["fulfillment", "incident"] == before["fulfillment", "incident"]
        for (process, state), figure in after.items():
            page = await text(auditor, f"/ui/cases?state={state}&process={process}")
            [listed] = re.findall(r'role="status">([\d+]+) ', page)
            assert int(listed.rstrip("+")) == figure, (process, state)

    async def test_a_case_is_drawn_in_the_version_it_goes_by(self, auditor: Browser, database: Database) -> None:
        case, model = a_case(), (models_dir() / "fulfillment.bpmn").read_text()
        key = int(case.id)
        version = key % 10**9
        definition = Definition(
            key=key,
            kind="process",
            id="fulfillment",
            version=version,
            resource=f"{model}<!-- old -->",
            deployed_at=ago(),
        )
        await add(database, case, definition, an_instance(case, definition_key=key))
        address = f"/ui/processes/fulfillment/diagram?version={version}"
        assert address in await text(auditor, f"/ui/cases/{case.id}")
        answer = await auditor.client.get(address)
        assert answer.text.endswith("<!-- old -->")
        assert answer.headers["content-type"] == "application/xml"
        assert "attachment" in answer.headers["content-disposition"]

    async def test_without_a_version_it_is_the_one_beside_the_code(self, auditor: Browser) -> None:
        answer = await auditor.client.get("/ui/processes/fulfillment/diagram")
        assert answer.content == (models_dir() / "fulfillment.bpmn").read_bytes()

    @pytest.mark.parametrize(
        "path", ["nothing", "nothing/diagram", "fulfillment/diagram?version=99999", "../secrets/diagram"]
    )
    async def test_what_there_is_not(self, auditor: Browser, path: str) -> None:
        await text(auditor, f"/ui/processes/{path}", 404)


async def counted(somebody: Browser) -> dict[tuple[str, str], int]:
    """The figures of the page of processes, by process and state."""
    page = await text(somebody, "/ui/processes")
    link = r'href="/ui/cases\?state=(\w+)&amp;process=(\w+)"[^>]*>(\d+)\+?<'
    return {(process, state): int(figure) for state, process, figure in re.findall(link, page)}


class TestAssets:
    def test_they_were_built_from_the_lock_file(self) -> None:
        """`make assets` builds them anew after a change of .assets/."""
        manifest = orjson.loads((assets.STATIC / "vendor" / "manifest.json").read_bytes())
        assert manifest["lock"] == hashlib.sha256(LOCK.read_bytes()).hexdigest()
        files = {path.name for path in (assets.STATIC / "vendor").iterdir()}
        assert files == {"manifest.json", "LICENSES.txt", *manifest["files"].values()}

    def test_each_is_as_it_was_built(self) -> None:
        """Nobody mends a library by hand: the next build would lose it."""
        vendor = assets.STATIC / "vendor"
        built = {path.name: path for path in vendor.iterdir() if path.name != "manifest.json"}
        hashes = orjson.loads((vendor / "manifest.json").read_bytes())["hashes"]
        assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in built.items()} == hashes

    def test_their_licences_come_along(self) -> None:
        text = (assets.STATIC / "vendor" / "LICENSES.txt").read_text()
        for name in ("bpmn-js", "diagram-js", "@bpmn-io/form-js-viewer", "idiomorph", "preact"):
            assert re.search(rf"^{name} \d", text, re.MULTILINE), name

    async def test_a_file_without_a_hash_is_asked_for_again(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/static/live.js")
        assert answer.headers["cache-control"] == "no-cache"
        again = await client.get("/static/live.js", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
