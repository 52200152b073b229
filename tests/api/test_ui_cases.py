"""The pages of cases, as a browser without scripts gets them."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.people import Role
from tests.api.fake_engine import FakeEngine
from tests.api.people import Browser, browser
from tests.api.ticket_story import written
from tests.api.ui_data import (
    HOSTILE,
    a_case,
    a_task,
    add,
    ago,
    an_element,
    an_entry,
    an_incident,
    an_instance,
    form_of,
    number,
    text,
)
from workers.casefile.db import Database
from workers.casefile.models import Case, CustomerRequest, Effect
from workers.casefile.people_models import User
from workers.casefile.record_models import Instance

ADDRESS = ("name", "street", "street2", "city", "region", "postcode", "country")


@pytest.fixture
async def lead(app: FastAPI, database: Database) -> AsyncIterator[Browser]:
    async with browser(app, database, Role.LEAD) as somebody:
        yield somebody


def listed(html: str) -> list[str]:
    return re.findall(r'id="case-(\d+)"', html)


class TestList:
    async def test_a_case_is_found_by_what_people_know_of_it(self, lead: Browser, database: Database) -> None:
        case = a_case()
        await add(database, case, a_case())
        number_without_hash = str(case.order_number)[1:]
        for query in (case.id, number_without_hash, f"%23{number_without_hash}", str(case.process_instance_key)):
            assert listed(await text(lead, f"/ui/cases?q={query}")) == [case.id], query

    async def test_a_search_is_text_and_no_pattern(self, lead: Browser, database: Database) -> None:
        await add(database, a_case())
        for query in ("%25", "_", "%27%20OR%201=1--", HOSTILE):
            html = await text(lead, f"/ui/cases?q={query}")
            assert listed(html) == []
            assert "<script>alert" not in html

    async def test_filters_narrow_together(self, lead: Browser, database: Database) -> None:
        key = str(number())
        done = a_case(order_number=f"{key}-a", state="done", outcome="supplied", closed_at=ago())
        await add(database, done, a_case(order_number=f"{key}-b"))
        for query, there in [
            ("state=done", True),
            ("state=done&outcome=supplied&process=fulfillment", True),
            ("state=open&outcome=supplied", False),
            ("outcome=cancelled", False),
            ("process=nothing", False),
            ("opened_before=2020-01-31T12:00:00Z", False),
            ("unsettled=1", False),
            ("sort=closed", True),
        ]:
            assert (done.id in listed(await text(lead, f"/ui/cases?q={key}&{query}"))) is there, query

    @pytest.mark.parametrize("sort", ["newest", "oldest", "closed"])
    async def test_pages_follow_each_other_without_gap_or_repetition(
        self, lead: Browser, database: Database, sort: str
    ) -> None:
        """Several cases of one moment included: the place is moment and id."""
        prefix, moment = str(number()), ago(days=3)
        cases = [
            a_case(
                order_number=f"{prefix}-{each}", opened_at=moment, closed_at=moment + timedelta(hours=each // 40)
            )
            for each in range(120)
        ]
        await add(database, *cases)
        seen: list[str] = []
        path: str | None = f"/ui/cases?q={prefix}&sort={sort}"
        while path:
            html = await text(lead, path)
            seen += listed(html)
            following = re.search(r'rel="next" href="([^"]+)"', html)
            path = following.group(1).replace("&amp;", "&") if following else None
        ids = sorted((case.id for case in cases), reverse=sort != "oldest")
        in_order = sorted(ids, key=lambda each: -(int(each) - int(cases[0].id)) // 40) if sort == "closed" else ids
        assert len(seen) == 120
        assert set(seen) == set(ids)
        assert sort == "closed" or seen == in_order

    async def test_a_page_may_end_with_a_long_number(self, lead: Browser, database: Database) -> None:
        """That of a ticket is made of what a sender calls it."""
        prefix = str(number())
        ids = [f"zendesk-{prefix}-{each:0>170}" for each in range(120)]
        await add(database, *(a_case(id=each, order_number=f"{prefix}-") for each in ids))
        following = re.search(r'rel="next" href="([^"]+)"', await text(lead, f"/ui/cases?q={prefix}"))
        assert following
        await text(lead, following[1].replace("&amp;", "&"))

    async def test_a_case_says_what_it_waits_for(self, lead: Browser, database: Database) -> None:
        asked, stuck = a_case(), a_case(state="incident")
        await add(database, asked, stuck, a_task(asked), an_incident(stuck))
        assert "Correct address" in await text(lead, f"/ui/cases?q={asked.id}")
        assert "The shop has no such order." in await text(lead, f"/ui/cases?q={stuck.id}")

    async def test_more_than_anybody_reads_is_not_counted(self, lead: Browser, database: Database) -> None:
        prefix = str(number())
        await add(database, *(a_case(order_number=f"{prefix}-{each}") for each in range(501)))
        assert "500+ cases" in await text(lead, f"/ui/cases?q={prefix}")

    @pytest.mark.parametrize("query", ["sort=no", "state=no", "opened_before=no", "after=no~1", f"q={'x' * 101}"])
    async def test_what_is_no_question_is_refused(self, lead: Browser, query: str) -> None:
        await text(lead, f"/ui/cases?{query}", 422)

    async def test_cases_with_effects_of_unknown_outcome(self, lead: Browser, database: Database) -> None:
        case = a_case()
        effect = Effect(key=f"e:{case.id}", kind="posting", case_id=case.id, state="unknown", request={})
        await add(database, case, effect)
        assert listed(await text(lead, f"/ui/cases?q={case.id}&unsettled=1")) == [case.id]


@pytest.fixture
async def case(database: Database) -> Case:
    case = a_case()
    await add(database, case)
    return case


class TestCase:
    async def test_its_story_is_told_in_order(self, lead: Browser, database: Database, case: Case) -> None:
        await add(
            database,
            an_entry(case, "Second", happened_at=ago(hours=1)),
            an_entry(case, "First", happened_at=ago(hours=2), actor="ada", element_id="Task_GetOrder"),
        )
        html = await text(lead, f"/ui/cases/{case.id}")
        assert html.index("First") < html.index("Second")
        assert "ada" in html
        assert "Get order" in html

    async def test_a_mail_opens_to_what_was_written(self, lead: Browser, database: Database, case: Case) -> None:
        letter = {"to": "ada@example.com", "subject": "On its way", "text": f"Hello {HOSTILE}"}
        await add(database, an_entry(case, "Mail sent", kind="mail_sent", facts={"letter": letter}))
        page = await text(lead, f"/ui/cases/{case.id}")
        assert "<summary>On its way</summary>" in page
        assert "To ada@example.com" in page
        assert "Hello &lt;script&gt;" in page

    async def test_what_was_asked_for_and_done_is_told_once(
        self, lead: Browser, database: Database, case: Case
    ) -> None:
        """What was asked for in vain stays."""
        claim = {"kind": "task_claim", "facts": {"task": "7"}}
        await add(
            database,
            an_entry(case, "Anna takes it", actor="anna", **claim),
            an_entry(case, "Bob takes it", actor="bob", **claim),
            an_entry(case, "Taken by anna", actor="anna", kind="task_assigned", facts={"task": "7"}),
            an_entry(case, "Taken by bob", actor="bob", kind="task_assigned", facts={"task": "8"}),
        )
        page = await text(lead, f"/ui/cases/{case.id}")
        found = [sentence for sentence in ("Anna takes it", "Bob takes it", "Taken by anna") if sentence in page]
        assert found == ["Bob takes it", "Taken by anna"]

    async def test_people_have_the_names_that_others_call_them_by(
        self, lead: Browser, database: Database, case: Case
    ) -> None:
        """As they are called now; whoever is not known here has the name that the engine tells."""
        await database.run(lambda session: session.execute(
            update(User).where(User.name == lead.name).values(display_name="Anna Lead")
        ))  # fmt: skip
        by, facts = lead.name, {"person": lead.name}
        await add(
            database,
            an_entry(case, f"Task “A” was taken by {by}", kind="task_assigned", actor=by),
            an_entry(case, f"Task “A” was completed by {by}: Approve", kind="task_completed", actor=by),
            an_entry(case, f"{by} approved 35.00 EUR: {by} saw it", kind="approval_given", facts=facts),
            an_entry(case, f"The approval by {by} does not count: late", kind="approval_void", facts=facts),
            an_entry(case, "Task “B” was taken by zoe-elsewhere", kind="task_assigned", actor="zoe-elsewhere"),
            an_entry(case, f"Message of {by} received", kind="message_received"),
            a_task(case, assignee=by),
        )
        page = await text(lead, f"/ui/cases/{case.id}")
        for said in (
            "“A” was taken by Anna Lead<",
            "“A” was completed by Anna Lead: Approve<",
            f">Anna Lead approved 35.00 EUR: {by} saw it<",
            "The approval by Anna Lead does not count: late<",
            "“B” was taken by zoe-elsewhere<",
            f"Message of {by} received<",
            "Anna Lead has it",
            "Waits for Anna Lead",
        ):
            assert said in page, said

    async def test_a_long_story_has_pages(self, lead: Browser, database: Database, case: Case) -> None:
        await add(database, *(an_entry(case, f"Entry {each}.", happened_at=ago(days=9)) for each in range(205)))
        html = await text(lead, f"/ui/cases/{case.id}")
        older = re.search(r'href="([^"]+before=\d+)"', html)
        assert "Entry 204." in html
        assert "Entry 4." not in html
        assert older
        assert "Entry 4." in await text(lead, older.group(1))

    async def test_text_from_outside_is_shown_as_text(self, lead: Browser, database: Database) -> None:
        price = {"minor": 1, "currency": "EUR"}
        order = {
            "email": HOSTILE, "financial_status": HOSTILE, "cancelled_at": None,
            "shipping_address": dict.fromkeys(ADDRESS, HOSTILE),
            "lines": [{"sku": HOSTILE, "title": HOSTILE, "quantity": 1, "unit_price": price}],
        }  # fmt: skip
        case = a_case(shop_order=order, order_number=HOSTILE, outcome=HOSTILE, state="incident")
        incident = an_incident(case, message=HOSTILE, element_id=HOSTILE)
        task = a_task(case, element_id=HOSTILE, candidate_groups=[HOSTILE], assignee=HOSTILE)
        asked = CustomerRequest(
            id=f"{case.id}-q",
            case_id=case.id,
            kind=HOSTILE,
            facts={"problems": [HOSTILE]},
            expires_at=ago(days=-1),
        )
        way = an_element(case, HOSTILE, "ELEMENT_ACTIVATED")
        await add(database, case, incident, task, asked, way, an_entry(case, HOSTILE, actor=HOSTILE))
        for path in (
            f"/ui/cases/{case.id}",
            f"/ui/cases?q={case.id}",
            f"/ui/tasks?whose=all&element={quote(HOSTILE)}",
            f"/ui/tasks/{task.key}",
        ):
            html = await text(lead, path)
            assert "<script>alert" not in html, path
            assert "<img" not in html, path
            assert "&lt;script&gt;alert(1)" in html, path

    async def test_the_diagram_gets_the_way_taken_and_the_present_place(
        self, lead: Browser, database: Database, case: Case
    ) -> None:
        await add(
            database,
            an_element(case, "Event_OrderPaid", "ELEMENT_ACTIVATED", "START_EVENT"),
            an_element(case, "Event_OrderPaid", "ELEMENT_COMPLETED", "START_EVENT"),
            an_element(case, "Flow_OrderPaid", "SEQUENCE_FLOW_TAKEN", "SEQUENCE_FLOW"),
            an_element(case, "Task_GetOrder", "ELEMENT_ACTIVATED"),
            an_element(case, "fulfillment", "ELEMENT_ACTIVATED", "PROCESS"),
        )
        html = await text(lead, f"/ui/cases/{case.id}")
        assert "&#34;present&#34;: {&#34;Task_GetOrder&#34;: 1}" in html
        assert "&#34;Flow_OrderPaid&#34;" in html
        assert "Under way: Get order." in html

    async def test_of_an_event_based_gateway_the_flow_to_the_event_that_came_is_part_of_the_way(
        self, lead: Browser, database: Database
    ) -> None:
        """The engine writes no record of that flow."""
        case = a_case()
        case.process = "tracking"
        await add(database, case, an_element(case, "Event_SupplierShipped", "ELEMENT_ACTIVATED"))
        html = await text(lead, f"/ui/cases/{case.id}")
        assert "&#34;Flow_AwaitMessage&#34;" in html
        assert "&#34;Flow_AwaitHours&#34;" not in html

    async def test_links_lead_to_operate_and_tasklist_where_there_are_any(
        self, lead: Browser, database: Database, case: Case
    ) -> None:
        task = a_task(case)
        await add(database, task)
        html = await text(lead, f"/ui/cases/{case.id}")
        assert f"http://operate.example/processes/{case.process_instance_key}" in html
        assert f"http://tasklist.example/{task.key}" in html

    async def test_a_case_whose_order_nobody_knows_is_not_called_an_order(
        self, lead: Browser, database: Database
    ) -> None:
        order, dispute = a_case(), a_case(id=f"dp-{number()}", process="chargeback", order_number=None)
        await add(database, order, dispute)
        assert f"<h1>Order {order.order_number} " in await text(lead, f"/ui/cases/{order.id}")
        assert f"<h1>Case {dispute.id} " in await text(lead, f"/ui/cases/{dispute.id}")

    async def test_a_ticket_is_called_one_and_lists_show_its_subject_as_text(
        self, lead: Browser, database: Database
    ) -> None:
        ticket = (await written(database, subject=HOSTILE)).ticket_id
        case = a_case(id=ticket, process="triage", order_number=None, total_minor=None, currency=None)
        task = a_task(case, candidate_groups=["lead"], due_at=ago(days=3_000))
        await add(database, case, task)
        assert f"<h1>Ticket {ticket} " in await text(lead, f"/ui/cases/{ticket}")
        assert f'Ticket <a href="/ui/cases/{ticket}">{ticket}</a>. ' in await text(lead, f"/ui/tasks/{task.key}")
        for page in (f"/ui/cases?q={ticket}", "/ui/tasks?whose=all"):
            html = await text(lead, page)
            assert "<small>&lt;script&gt;alert(1)" in html
            assert "<script>alert" not in html

    async def test_an_unknown_case(self, lead: Browser) -> None:
        await text(lead, "/ui/cases/0000", 404)


class TestInstances:
    @pytest.fixture
    async def runs(self, database: Database) -> tuple[Case, Instance, Instance, Instance]:
        """An order that was supplied; of its parcel, which is under way, a refund was called."""
        case = a_case(opened_at=ago(days=2))
        old, parcel, refund = number(), number(), number()
        case.process, case.process_instance_key = "tracking", parcel
        supplied = an_instance(case, key=old, process="fulfillment", state="done", outcome="supplied")
        tracked = an_instance(case, key=parcel, correlation_key=f"SO-{parcel}", started_at=ago(days=1))
        called = an_instance(
            case, key=refund, process="refund", parent_key=parcel, root_key=parcel, correlation_key=None,
            started_at=ago(hours=1),
        )  # fmt: skip
        await add(database, case, supplied, tracked, called)
        return case, supplied, tracked, called

    async def test_all_are_listed_the_newest_open_one_first_and_called_ones_below_their_caller(
        self, lead: Browser, runs: tuple[Case, Instance, Instance, Instance]
    ) -> None:
        case, supplied, tracked, called = runs
        html = await text(lead, f"/ui/cases/{case.id}")
        places = [html.index(f'id="instance-{each.key}"') for each in (tracked, called, supplied)]
        assert places == sorted(places)
        assert f'href="?instance={tracked.key}" aria-current="true"' in html
        assert f"SO-{tracked.key}" in html
        nested = html[html.index('aria-label="Called by') :]
        assert nested.index(f"?instance={called.key}") < nested.index("</ul>") < nested.index(str(supplied.key))

    async def test_what_happened_names_the_instance_where_there_are_several(
        self, lead: Browser, database: Database, runs: tuple[Case, Instance, Instance, Instance]
    ) -> None:
        case, _, tracked, called = runs
        alone = a_case()
        of_parcel, of_refund = (
            an_entry(case, "It began", process_instance_key=each.key) for each in (tracked, called)
        )
        of_alone = an_entry(alone, "It began", process_instance_key=alone.process_instance_key)
        await add(database, alone, of_parcel, of_refund, of_alone)
        for entry, named in [
            (of_parcel, f'<a href="?instance={tracked.key}">Tracking of a supplier order SO-{tracked.key}</a>'),
            (of_refund, f'<a href="?instance={called.key}">Refund to a customer</a>'),
            (of_alone, ""),
        ]:
            page = await text(lead, f"/ui/cases/{entry.case_id}")
            [line] = re.findall(rf'<li id="entry-{entry.id}".*?</li>', page, re.DOTALL)
            assert named in line if named else "instance=" not in line, line

    async def test_any_can_be_chosen_and_its_diagram_is_shown(
        self, lead: Browser, database: Database, runs: tuple[Case, Instance, Instance, Instance]
    ) -> None:
        case, supplied, tracked, _ = runs
        way = an_element(case, "Task_GetOrder", "ELEMENT_ACTIVATED")
        way.process_instance_key = supplied.key
        await add(database, way)
        assert "&#34;Task_GetOrder&#34;" not in await text(lead, f"/ui/cases/{case.id}")
        html = await text(lead, f"/ui/cases/{case.id}?instance={supplied.key}")
        assert "&#34;present&#34;: {&#34;Task_GetOrder&#34;: 1}" in html
        assert "/ui/processes/fulfillment/diagram" in html
        assert f'href="?instance={supplied.key}" aria-current="true"' in html
        assert f'href="?instance={tracked.key}" aria-current' not in html
        assert f"http://operate.example/processes/{supplied.key}" in html

    async def test_one_of_another_case_cannot(self, lead: Browser, database: Database, case: Case) -> None:
        other = a_case()
        await add(database, other)
        await text(lead, f"/ui/cases/{case.id}?instance={other.process_instance_key}", 404)
        await text(lead, f"/ui/cases/{case.id}?instance=x", 422)

    async def test_what_waits_in_any_is_shown(
        self, lead: Browser, database: Database, runs: tuple[Case, Instance, Instance, Instance]
    ) -> None:
        case, _, _, called = runs
        task, incident = a_task(case, process_instance_key=called.key), an_incident(case)
        incident.process_instance_key = called.key
        await add(database, task, incident)
        html = await text(lead, f"/ui/cases/{case.id}")
        assert f"/ui/tasks/{task.key}" in html
        assert "The shop has no such order." in html
        assert "The shop has no such order." in await text(lead, f"/ui/cases?q={case.id}")
        assert case.id in await text(lead, f"/ui/tasks/{task.key}")

    async def test_a_case_is_found_by_the_keys_of_each(
        self, lead: Browser, runs: tuple[Case, Instance, Instance, Instance]
    ) -> None:
        case, supplied, tracked, called = runs
        for query in (supplied.key, tracked.key, called.key, tracked.correlation_key):
            assert listed(await text(lead, f"/ui/cases?q={query}")) == [case.id], query
        assert listed(await text(lead, f"/ui/cases?q={case.id}&process=refund")) == [case.id]

    async def test_one_that_went_to_its_order_leads_there(self, lead: Browser, database: Database) -> None:
        case = a_case()
        left = a_case(state="done", outcome="matched", process_instance_key=case.process_instance_key)
        instance = an_instance(case, began_as=left.id, matched_at=ago(hours=1), correlation_key=left.id)
        await add(database, case, left, instance)
        html = await text(lead, f"/ui/cases/{left.id}")
        assert "Ended: matched." in html
        assert f'href="/ui/cases/{case.id}?instance={instance.key}"' in html
        assert left.id in await text(lead, f"/ui/cases/{case.id}")


class TestIncident:
    async def test_who_may_lets_it_go_on(
        self, lead: Browser, database: Database, case: Case, engine_seen: FakeEngine
    ) -> None:
        incident = an_incident(case)
        await add(database, incident)
        assert "Try again" in await text(lead, f"/ui/cases/{case.id}")
        answer = await lead.client.post(
            f"/ui/incidents/{incident.key}/retry", data=form_of(lead, back=f"/ui/cases/{case.id}")
        )
        assert (answer.status_code, answer.headers["location"]) == (303, f"/ui/cases/{case.id}")
        assert engine_seen.resolved == [(incident.key, 5)]

    async def test_who_may_not_is_not_offered_it(self, app: FastAPI, database: Database, case: Case) -> None:
        incident = an_incident(case)
        await add(database, incident)
        async with browser(app, database, Role.AGENT) as agent:
            assert "Try again" not in await text(agent, f"/ui/cases/{case.id}")
            answer = await agent.client.post(f"/ui/incidents/{incident.key}/retry", data=form_of(agent))
            assert answer.status_code == 403

    async def test_a_form_leads_to_our_own_pages_only(
        self, lead: Browser, database: Database, case: Case, engine_seen: FakeEngine
    ) -> None:
        incident = an_incident(case)
        await add(database, incident)
        for back in (
            "https://evil.example",
            "//evil.example",
            "/ui\\..\\@evil.example",
            "/login?next=//evil.example",
        ):
            answer = await lead.client.post(f"/ui/incidents/{incident.key}/retry", data=form_of(lead, back=back))
            assert answer.status_code == 400, back
        assert engine_seen.resolved == []
