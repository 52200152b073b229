"""The mails themselves."""

import pytest

from workers.adapters.mail_render import render
from workers.ports.mail import Mail

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
