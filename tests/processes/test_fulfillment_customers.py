"""What customers are asked, told and reminded of; and what becomes of their answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from tests.processes.bench import Bench
from workers.contracts.fulfillment import CorrectedAddress, sentence_for
from workers.runtime.errors import NeedsHuman
from workers.runtime.model import DMN
from workers.runtime.resources import models_dir

CORRECTED = CorrectedAddress(
    name="Ada Example",
    street="Hauptstraße 7",
    street2="2nd floor",
    city="Berlin",
    region="",
    postcode="10117",
    country="DE",
)
NO_MAIL = "The customer has no mail address: only an agent can answer"
FIELDS = {"name", "street", "city", "region", "postcode", "country"}


class TestAskForAddress:
    async def test_it_opens_a_request_and_mails_its_link(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, ["missing_postcode"])
        assert asked.address_request == f"{bench.id}-address-1"
        assert await bench.state_of(asked.address_request) == "open"
        mail = bench.only_mail()
        assert (mail.to, mail.template) == ("ada@example.com", "fulfillment_ask_for_address")
        link = bench.link_in(mail)
        assert (link.request_id, link.kind) == (asked.address_request, "address")
        assert await bench.timeline() == ["Mail sent to the customer: fulfillment_ask_for_address"]

    async def test_it_answers_the_address_that_fills_the_form_of_the_agent(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, [])
        assert asked.address_to_correct == {
            "name": "Ada Example",
            "street": "Musterweg 5",
            "street2": "",
            "city": "Berlin",
            "region": "",
            "postcode": "10115",
            "country": "DE",
        }

    async def test_page_and_mail_say_the_problems_in_sentences(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, ["missing_street", "malformed_postcode"])
        sentences = ["Please add the street.", "The postcode does not look right for this country."]
        request = await bench.request(asked.address_request)
        assert request.facts["problems"] == sentences
        assert bench.only_mail().values["problems"] == "\n".join(sentences)

    async def test_the_page_knows_the_order_and_the_address_to_correct(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, [])
        request = await bench.request(asked.address_request)
        assert request.case_id == bench.id
        assert request.facts["order_number"] == bench.order.number
        assert {key: request.facts[key] for key in asked.address_to_correct} == asked.address_to_correct
        assert "phone" not in request.facts

    async def test_the_link_works_for_a_week_and_the_mail_says_until_when(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, [])
        request = await bench.request(asked.address_request)
        assert abs(request.expires_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=5)
        assert bench.only_mail().values["expires_on"] == f"{request.expires_at:%d %B %Y}"

    async def test_a_second_round_is_a_request_and_a_mail_of_its_own(self, bench: Bench) -> None:
        first = await bench.jobs.ask_for_address(bench.id, 1, ["missing_street"])
        await bench.jobs.save_address(bench.id, first.address_request, CORRECTED)
        second = await bench.jobs.ask_for_address(bench.id, 2, ["malformed_postcode"])
        assert second.address_request != first.address_request
        assert await bench.state_of(first.address_request) == "closed"
        assert await bench.state_of(second.address_request) == "open"
        assert [bench.link_in(mail).request_id for mail in bench.mailer.mails.values()] == [
            first.address_request,
            second.address_request,
        ]

    async def test_without_a_mail_address_only_an_agent_can_answer_and_the_case_says_so(
        self, bench: Bench
    ) -> None:
        await bench.change_order(email="")
        for _ in range(2):
            asked = await bench.jobs.ask_for_address(bench.id, 1, ["missing_street"])
        assert await bench.state_of(asked.address_request) == "open"
        assert bench.mailer.calls == []
        assert await bench.timeline() == [NO_MAIL]

    async def test_a_mail_address_nobody_can_reach_needs_a_human(self, bench: Bench) -> None:
        await bench.change_order(email="ada at example")
        with pytest.raises(NeedsHuman, match="mail address"):
            await bench.jobs.ask_for_address(bench.id, 1, ["missing_street"])


class TestRemindCustomer:
    async def test_it_mails_a_link_to_the_same_request(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, ["missing_street"])
        await bench.jobs.remind_customer(bench.id, asked.address_request)
        first, reminder = bench.mailer.mails.values()
        assert reminder.template == "fulfillment_remind_customer"
        assert bench.link_in(reminder) == bench.link_in(first)

    async def test_each_round_has_its_own_reminder(self, bench: Bench) -> None:
        for turn in (1, 2):
            await bench.jobs.remind_customer(bench.id, f"{bench.id}-address-{turn}")
        assert len(bench.mailer.mails) == 2

    async def test_without_a_mail_address_it_does_nothing_but_say_so(self, bench: Bench) -> None:
        await bench.change_order(email="")
        await bench.jobs.remind_customer(bench.id, f"{bench.id}-address-1")
        assert bench.mailer.calls == []
        assert await bench.timeline() == [NO_MAIL]


class TestAskRefundOrWait:
    async def test_it_opens_a_request_and_mails_its_link(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_refund_or_wait(bench.id)
        request = await bench.request(asked.choice_request)
        assert (request.case_id, request.kind) == (bench.id, "refund_or_wait")
        assert abs(request.expires_at - datetime.now(UTC) - timedelta(days=3)) < timedelta(minutes=5)
        link = bench.link_in(bench.only_mail())
        assert (link.request_id, link.kind) == (asked.choice_request, "refund_or_wait")


class TestSaveAddress:
    async def test_the_shop_gets_the_corrected_address(self, bench: Bench) -> None:
        await bench.jobs.save_address(bench.id, f"{bench.id}-address-1", CORRECTED)
        saved = bench.shop.orders[bench.id].shipping_address
        assert (saved.street, saved.street2, saved.postcode) == ("Hauptstraße 7", "2nd floor", "10117")
        assert await bench.timeline() == ["Address corrected"]

    async def test_the_phone_number_stays_because_nobody_was_asked_for_it(self, bench: Bench) -> None:
        """The carrier calls it when nobody opens the door."""
        await bench.jobs.save_address(bench.id, f"{bench.id}-address-1", CORRECTED)
        assert bench.shop.orders[bench.id].shipping_address.phone == "+49 30 1234567"

    async def test_an_open_request_is_closed_when_an_agent_was_faster(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, ["missing_street"])
        await bench.jobs.save_address(bench.id, asked.address_request, CORRECTED)
        assert await bench.state_of(asked.address_request) == "closed"

    async def test_a_later_answer_to_the_same_request_changes_nothing(self, bench: Bench) -> None:
        request_id = f"{bench.id}-address-1"
        await bench.jobs.save_address(bench.id, request_id, CORRECTED)
        other = CORRECTED.model_copy(update={"street": "Nebenstraße 9"})
        await bench.jobs.save_address(bench.id, request_id, other)
        assert bench.shop.orders[bench.id].shipping_address.street == "Hauptstraße 7"

    async def test_the_next_round_is_saved_too(self, bench: Bench) -> None:
        await bench.jobs.save_address(bench.id, f"{bench.id}-address-1", CORRECTED)
        other = CORRECTED.model_copy(update={"street": "Nebenstraße 9"})
        await bench.jobs.save_address(bench.id, f"{bench.id}-address-2", other)
        assert bench.shop.orders[bench.id].shipping_address.street == "Nebenstraße 9"

    async def test_what_is_bought_afterwards_goes_to_the_corrected_address(self, bench: Bench) -> None:
        """The diagram reads the order again after the address was saved."""
        await bench.jobs.save_address(bench.id, f"{bench.id}-address-1", CORRECTED)
        await bench.jobs.get_order(bench.id)
        await bench.jobs.place_supplier_order(bench.id, "cj", 2_497, "EUR")
        [(_, address, _)] = bench.suppliers.requests.values()
        assert address.street == "Hauptstraße 7"

    async def test_an_order_that_vanished_from_the_shop_needs_a_human(self, bench: Bench) -> None:
        del bench.shop.orders[bench.id]
        with pytest.raises(NeedsHuman):
            await bench.jobs.save_address(bench.id, f"{bench.id}-address-1", CORRECTED)
        bench.shop.orders[bench.id] = replace(bench.order)
        await bench.jobs.save_address(bench.id, f"{bench.id}-address-1", CORRECTED)
        assert bench.shop.orders[bench.id].shipping_address.street == "Hauptstraße 7"


def problem_codes() -> list[str]:
    """Every code that the decision table can answer."""
    root = etree.parse(models_dir() / "fulfillment_address_check.dmn")
    entries = root.iterfind(
        f".//{{{DMN}}}decision[@id='fulfillment_address_check']//{{{DMN}}}outputEntry/{{{DMN}}}text"
    )
    return sorted({(entry.text or "").strip('"') for entry in entries})


class TestSentenceFor:
    def test_the_table_was_read(self) -> None:
        assert {"missing_street", "malformed_postcode", "po_box_refused"} <= set(problem_codes())

    @pytest.mark.parametrize("code", problem_codes())
    def test_every_problem_of_the_table_has_a_sentence_that_fits(self, code: str) -> None:
        sentence = sentence_for(code)
        assert sentence.endswith("."), sentence
        assert "_" not in sentence
        assert sentence != sentence_for("unheard_of"), f"nobody wrote a sentence for {code}"
        named = FIELDS & set(sentence.rstrip(".").split())
        assert named >= FIELDS & {code.partition("_")[2]}, f"{sentence!r} does not say which field"

    def test_two_problems_never_sound_the_same(self) -> None:
        codes = problem_codes()
        assert len({sentence_for(code) for code in codes}) == len(codes)

    def test_a_code_nobody_thought_of_still_says_what_to_do(self) -> None:
        assert sentence_for("unheard_of") == "Please check the address."
