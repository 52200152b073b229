"""What customers write, as text that can be kept and shown."""

import time
from datetime import UTC, datetime

import pytest

from workers.adapters.ticket_texts import MOST_SUBJECT, MOST_TEXT, address_in, from_html, moment, one_line, plain


class TestMessages:
    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("a\x00b", "a\ufffdb"),
            ("a\ud800b\udc00", "a\ufffdb\ufffd"),
            (" one\r\ntwo\n", "one\ntwo"),
            ("=1+1", "=1+1"),
            ("\u202egnp.exe \U0001f600", "\u202egnp.exe \U0001f600"),
        ],
    )
    def test_are_kept_as_they_are_but_for_what_no_database_holds(self, text: str, kept: str) -> None:
        assert plain(text) == kept

    def test_that_are_too_long_are_cut_and_say_so(self) -> None:
        text = plain("x" * (MOST_TEXT + 7))
        assert text == "x" * MOST_TEXT + "\n[cut here: 7 more characters]"
        assert plain("x" * MOST_TEXT) == "x" * MOST_TEXT


class TestSubjectsAndNames:
    @pytest.mark.parametrize("text", ["a\r\nBcc: b@example.com", "a\x00\x1b\u2028Bcc: b@example.com\ud800"])
    def test_are_one_line(self, text: str) -> None:
        assert one_line(text, MOST_SUBJECT) == "a Bcc: b@example.com"

    def test_are_cut(self) -> None:
        assert one_line("x" * 600, MOST_SUBJECT) == "x" * (MOST_SUBJECT - 1) + "…"


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("ada@example.com", ("", "ada@example.com")),
            ("Ada Example <Ada@Example.COM>", ("Ada Example", "ada@example.com")),
            ('"Example, Ada" <ada+shop@mail.example.com>', ("Example, Ada", "ada+shop@mail.example.com")),
            ("Ädä <ädä@example.com>", ("Ädä", "ädä@example.com")),
        ],
    )
    def test_come_with_their_name_and_in_lower_case(self, text: str, expected: tuple[str, str]) -> None:
        assert address_in(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "<>",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "a b@example.com",
            "ada@example.com\x00x",
            "a" * 300 + "@x.org",
        ],
    )
    def test_that_are_none_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="no mail address"):
            address_in(text)


class TestHtml:
    def test_becomes_the_text_that_is_shown(self) -> None:
        page = (
            "<html><head><title>T</title><style>p {}</style></head><body><p>Hello <b>you</b>,<br>where is\n my"
            " lamp?</p><script>alert(1)</script><div>Ada &lt;3 &amp; co</div><!-- hidden -->bye</body></html>"
        )
        assert from_html(page) == "Hello you,\nwhere is my lamp?\n\nAda <3 & co\nbye"

    @pytest.mark.parametrize("markup", ["", "  ", "\x00", "<!-- -->"])
    def test_without_text_is_empty(self, markup: str) -> None:
        assert from_html(markup) == ""

    @pytest.mark.parametrize("piece", ["<!--", "<![CDATA[", "<a b='", "<script>", "</", "<", "<div>", "&#", "<?"])
    def test_made_to_be_slow_is_not(self, piece: str) -> None:
        began = time.process_time()
        from_html(piece * (1_000_000 // len(piece)))
        assert time.process_time() - began < 2


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-03-02T10:00:00+01:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
            ("2026-03-02T09:00:00.123456Z", datetime(2026, 3, 2, 9, 0, 0, 123456, UTC)),
            ("2026-03-02T09:00:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
            ("yesterday", None),
            ("", None),
        ],
    )
    def test_are_utc(self, text: str, expected: datetime | None) -> None:
        assert moment(text) == expected
