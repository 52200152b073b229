"""The mails themselves."""

import re
from collections import defaultdict

import pytest
from jinja2 import ChoiceLoader, DictLoader, Environment

from workers.adapters.mail_render import OURS, render, templates
from workers.ports.mail import Mail
from workers.runtime.errors import NeedsHuman

LINK = "https://shop.example.com/address/abc.def-1?x=1&y=2"
VALUES = {"order_number": "#1001", "link": LINK, "expires_on": "5 March 2026"}
TEMPLATES = ["fulfillment_ask_for_address", "fulfillment_remind_customer", "fulfillment_ask_refund_or_wait"]


def _mail(template: str, **values: str) -> Mail:
    return Mail(
        "k", "ada@example.com", template, {**VALUES, "problems": "The street is missing.", **values}, "1001"
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_subject_text_and_html_carry_number_and_link(template: str) -> None:
    mail = render(_mail(template))
    assert "#1001" in mail.subject
    assert "#1001" in mail.text
    assert mail.links == (LINK,)
    assert mail.html.startswith("<!doctype html>")
    assert LINK.replace("&", "&amp;") in mail.html
    assert "5 March 2026" in mail.text
    assert "5 March 2026" in mail.html


def test_each_problem_is_an_item_of_its_own() -> None:
    mail = render(_mail(TEMPLATES[0], problems="The street is missing.\nThe postcode is <wrong>."))
    assert "- The street is missing.\n- The postcode is <wrong>.\n" in mail.text
    assert "<li>The postcode is &lt;wrong&gt;.</li>" in mail.html


def test_what_customers_write_is_never_markup() -> None:
    mail = render(_mail(TEMPLATES[1], order_number="<script>alert(1)</script>", link='https://x.example/"><b>'))
    assert "<script>" not in mail.html
    assert '"><b>' not in mail.html


PARCEL = {
    "parcel.subject.txt": "Order {{ order_number }} is on its way",
    "parcel.txt": "Hello,\n\nsent on {{ sent_on | day }} for {{ paid | amount }}: {{ page }}\n\nKind regards",
    "parcel.de.subject.txt": "Bestellung {{ order_number }} ist unterwegs",
    "parcel.de.txt": "Guten Tag,\n\nversandt am {{ sent_on | day }}, {{ paid | amount }}",
    "parcel.de.html": '{% extends "_layout.html" %}{% block body %}<p>Am {{ sent_on | day }}</p>{% endblock %}',
    "parcel.nl.subject.txt": "Bestelling {{ order_number }} is onderweg",
    "parcel.nl.txt": "Verzonden op {{ sent_on | day }}",
}
"""A mail in three languages: in German with HTML of its own, in a third that the layout does not speak."""


class TestLanguages:
    def _mail(self, language: str, **values: str) -> Mail:
        told = {
            "order_number": "#1001",
            "sent_on": "2026-03-05T23:30:00Z",
            "paid": "12.50 EUR",
            "page": "https://x.de/1?a=<b>",
        }
        return Mail("k", "ada@example.com", "parcel", {**told, **values}, "1001", language)

    @pytest.mark.parametrize(
        ("language", "subject", "text", "page"),
        [
            ("de", "Bestellung #1001 ist unterwegs", "5. März 2026, 12,50 EUR", '<html lang="de">'),
            ("", "Order #1001 is on its way", "5 March 2026 for 12.50 EUR", '<html lang="en">'),
            ("pt", "Order #1001 is on its way", "5 March 2026 for 12.50 EUR", "Order #1001"),
            ("../de", "Order #1001 is on its way", "5 March 2026 for 12.50 EUR", "Order #1001"),
            ("nl", "Bestelling #1001 is onderweg", "5 March 2026", "Order #1001"),
        ],
    )
    def test_a_mail_is_in_one_language_and_in_english_where_there_is_no_other(
        self, language: str, subject: str, text: str, page: str
    ) -> None:
        mail = render(self._mail(language), _with(PARCEL))
        assert mail.subject == subject
        assert text in mail.text
        assert page in mail.html

    def test_the_layout_speaks_the_mails_language(self) -> None:
        mail = render(self._mail("de"), _with(PARCEL))
        assert "Freundliche Grüße" in mail.html
        assert "weil Sie bei uns bestellt haben" in mail.html
        assert "Kind regards" not in mail.html

    def test_without_a_template_of_its_own_the_page_is_the_text(self) -> None:
        mail = render(self._mail("en"), _with(PARCEL))
        assert '<p style="white-space:pre-line">Hello,</p>' in mail.html
        assert '<a href="https://x.de/1?a=&lt;b&gt;"' in mail.html
        assert mail.html.count("Kind regards") == 1
        assert "<title>Order #1001 is on its way</title>" in mail.html

    def test_only_a_mail_with_a_customers_own_link_is_not_to_be_forwarded(self) -> None:
        assert "do not forward" not in render(self._mail("en"), _with(PARCEL)).html
        assert (
            "do not forward" in render(self._mail("en", link="https://shop.example.com/c/1"), _with(PARCEL)).html
        )

    def test_what_is_no_day_needs_a_human(self) -> None:
        with pytest.raises(NeedsHuman, match="no day"):
            render(self._mail("en", sent_on="soon"), _with(PARCEL))

    @pytest.mark.parametrize(
        ("template", "words"),
        [
            ("tracking_on_the_way", "Ihre Bestellung #1001 ist unterwegs"),
            ("refund_paid_back", "Ihr Geld ist auf dem Weg zurück: Bestellung #1001"),
        ],
    )
    def test_german_customers_are_told_in_german(self, template: str, words: str) -> None:
        values = {"order_number": "#1001", "carrier": "dhl", "tracking_number": "JD01", "amount": "12.50 EUR"}
        mail = render(Mail("k", "ada@example.com", template, values, "1001", "de"))
        assert mail.subject == words
        assert "Freundliche Grüße" in mail.text
        assert "JD01" in mail.html or "12,50 EUR" in mail.html

    def test_a_mail_that_is_translated_is_translated_whole(self) -> None:
        """Each language has all the parts that the mail has in English."""
        parts: dict[tuple[str, str], set[str]] = defaultdict(set)
        for file in OURS.list_templates():
            if found := re.fullmatch(r"([a-z]\w+?)(?:\.([a-z]{2}))?\.(subject\.txt|txt|html)", file):
                parts[found[1], found[2] or "en"].add(found[3])
        assert {mail for mail, _ in parts} >= set(TEMPLATES)
        for (mail, language), present in parts.items():
            assert present == parts[mail, "en"], f"{mail} in {language}"


def _with(files: dict[str, str]) -> Environment:
    """Our templates and these."""
    assert OURS.loader is not None
    return templates(ChoiceLoader([DictLoader(files), OURS.loader]))
