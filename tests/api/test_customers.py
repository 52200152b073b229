"""Pages behind the links in mails."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.api.conftest import inbox_rows, new_order_id
from workers.casefile.db import Database
from workers.casefile.requests import RequestKind
from workers.runtime.bootstrap import Assembled
from workers.runtime.links import Links

ADDRESS = {
    "name": "Ada Example", "street": "Hauptstr. 5", "street2": "", "postcode": "10827", "city": "Berlin",
    "region": "", "country": "DE",
}  # fmt: skip
FACTS = ADDRESS | {
    "street": 'Haupt"><script>alert(1)</script>', "problems": ["Please add <b>the house number</b>."],
    "order_number": "#1001",
}  # fmt: skip

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Asked:
    """A request that was opened, and its page."""

    def __init__(self, assembled: Assembled, client: httpx.AsyncClient, kind: RequestKind) -> None:
        self._assembled, self._client = assembled, client
        self.kind = kind
        self.order_id = str(new_order_id())
        self.id = f"{self.order_id}-{kind.value}"

    async def open(self, lasts: timedelta = timedelta(days=7), facts: Mapping[str, Any] = FACTS) -> None:
        await self._assembled.requests.open(
            self.id, case_id=self.order_id, kind=self.kind, facts=facts, lasts=lasts
        )

    @property
    def link(self) -> str:
        return self._assembled.links.url_for(self.id, self.kind)

    async def get(self) -> httpx.Response:
        return await self._client.get(self.link)

    async def post(self, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._client.post(self.link, data=fields, headers=sent)

    async def post_raw(self, raw: bytes, headers: Mapping[str, str] = FORM) -> httpx.Response:
        return await self._client.post(self.link, content=raw, headers=headers)


@pytest.fixture
async def address(assembled: Assembled, client: httpx.AsyncClient) -> Asked:
    asked = Asked(assembled, client, RequestKind.ADDRESS)
    await asked.open()
    return asked


@pytest.fixture
async def choice(assembled: Assembled, client: httpx.AsyncClient) -> Asked:
    asked = Asked(assembled, client, RequestKind.REFUND_OR_WAIT)
    await asked.open(facts={"order_number": "#1001"})
    return asked


class TestAddress:
    async def test_page_is_prefilled_and_says_what_is_wrong(self, address: Asked) -> None:
        """Whatever came from outside is shown as text."""
        page = await address.get()
        assert page.status_code == 200
        assert 'value="Ada Example"' in page.text
        assert '<option value="DE" selected>Germany</option>' in page.text
        assert "Please add &lt;b&gt;the house number" in page.text
        assert "<script" not in page.text
        assert "#1001" in page.text

    async def test_answer_is_stored_once(self, address: Asked, database: Database) -> None:
        answer = await address.post(ADDRESS)
        assert answer.status_code == 200
        assert "Thank you" in answer.text
        [row] = await inbox_rows(database, address.id)
        assert (row.message_name, row.source) == ("address_corrected", "page")
        assert row.variables["corrected_address"] == ADDRESS
        again = await address.post(ADDRESS | {"street": "Another 6"})
        assert again.status_code == 409
        assert "We have your answer" in again.text
        assert "We have your answer" in (await address.get()).text
        assert len(await inbox_rows(database, address.id)) == 1

    async def test_two_answers_at_once_are_one(self, address: Asked, database: Database) -> None:
        answers = await asyncio.gather(*(address.post(ADDRESS) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        assert len(await inbox_rows(database, address.id)) == 1

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"street": ""}, "Please fill this in."),
            ({"street": "   "}, "Please fill this in."),
            ({"country": ""}, "Please fill this in."),
            ({"country": "XX"}, "Please choose a country."),
            ({"city": "x" * 81}, "Please use at most 80 characters."),
            ({"street": "Hauptstr. 5\r\nBcc: a@example.com"}, "Please write it on one line"),
            ({"street": "Hauptstr.\x005"}, "Please write it on one line"),
            ({"street": "Haupt\u2028str."}, "Please write it on one line"),
        ],
    )
    async def test_mistakes_are_named_and_the_rest_is_kept(
        self, changes: dict[str, str], sentence: str, address: Asked, database: Database
    ) -> None:
        page = await address.post(ADDRESS | {"name": "Typed <i>just now</i>"} | changes)
        assert page.status_code == 422
        assert sentence in page.text
        assert 'value="Typed &lt;i&gt;just now&lt;/i&gt;"' in page.text
        assert 'aria-invalid="true"' in page.text
        assert await inbox_rows(database, address.id) == []
        assert (await address.post(ADDRESS)).status_code == 200

    @pytest.mark.parametrize(
        "raw", [b"street=%FF", b"street=a&street=b", b"order_id=5", b"street=\xc3\xa4", b"a" * 70_000]
    )
    async def test_what_no_browser_sends_is_refused(self, raw: bytes, address: Asked) -> None:
        assert (await address.post_raw(raw)).status_code in {413, 422}

    async def test_other_types_are_refused(self, address: Asked) -> None:
        assert (await address.post_raw(b"{}", {"Content-Type": "application/json"})).status_code == 415


class TestChoice:
    async def test_two_buttons(self, choice: Asked, database: Database) -> None:
        page = await choice.get()
        assert page.text.count("<button") == 2
        assert (await choice.post({"choice": "wait"})).status_code == 200
        [row] = await inbox_rows(database, choice.id)
        assert row.variables["choice"] == "wait"
        assert (await choice.post({"choice": "refund"})).status_code == 409

    @pytest.mark.parametrize("fields", [{}, {"choice": ""}, {"choice": "money"}])
    async def test_anything_else_asks_again(
        self, fields: dict[str, str], choice: Asked, database: Database
    ) -> None:
        page = await choice.post_raw("&".join(f"{name}={value}" for name, value in fields.items()).encode())
        assert page.status_code == 422
        assert "Please choose one of the two." in page.text
        assert await inbox_rows(database, choice.id) == []


class TestLinks:
    async def test_wrong_and_somebody_elses_look_the_same(
        self, address: Asked, choice: Asked, assembled: Assembled, client: httpx.AsyncClient
    ) -> None:
        """Or one could find out which orders there are."""
        links = [
            assembled.links.url_for("no-such-request", RequestKind.ADDRESS),
            assembled.links.url_for(choice.id, RequestKind.ADDRESS),
            Links(SecretStr("of another shop"), "http://testserver").url_for(address.id, RequestKind.ADDRESS),
            f"{address.link}x",
            "http://testserver/c/nothing",
        ]
        answers = [await client.get(link) for link in links]
        assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}

    async def test_expired(self, assembled: Assembled, client: httpx.AsyncClient) -> None:
        asked = Asked(assembled, client, RequestKind.ADDRESS)
        await asked.open(lasts=timedelta(seconds=-1))
        for answer in (await asked.get(), await asked.post(ADDRESS)):
            assert answer.status_code == 410
            assert "expired" in answer.text

    async def test_closed(self, address: Asked, assembled: Assembled) -> None:
        await assembled.requests.close(address.id)
        for answer in (await address.get(), await address.post(ADDRESS)):
            assert answer.status_code == 410
            assert "No longer needed" in answer.text

    async def test_forged_ones_are_not_found(
        self, address: Asked, assembled: Assembled, client: httpx.AsyncClient, settings: Any
    ) -> None:
        other = Links(settings.link_secret.__class__("another-secret"), settings.public_url)
        token = address.link.rpartition("/")[2]
        forged = [
            other.url_for(address.id, "address").rpartition("/")[2],
            assembled.links.url_for(address.id, "refund_or_wait").rpartition("/")[2],
            assembled.links.url_for("no-such-request", "address").rpartition("/")[2],
            token[::-1],
            token[:10],
            "x",
            "caf%C3%A9",
        ]
        for each in forged:
            for answer in (await client.get(f"/c/{each}"), await client.post(f"/c/{each}", data=ADDRESS)):
                assert answer.status_code == 404
                assert "This link does not work" in answer.text

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
        ],
    )
    async def test_forms_of_other_sites_are_refused(
        self, headers: dict[str, str], address: Asked, database: Database
    ) -> None:
        assert (await address.post(ADDRESS, **headers)).status_code == 403
        assert await inbox_rows(database, address.id) == []

    async def test_our_own_form_is_not(self, address: Asked) -> None:
        headers = {"Origin": "http://testserver", "Sec_Fetch_Site": "same-origin"}
        assert (await address.post(ADDRESS, **headers)).status_code == 200

    async def test_pages_are_careful(self, address: Asked) -> None:
        headers = (await address.get()).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert "unsafe" not in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
