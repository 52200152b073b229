"""What customers and products are called makes no links in a form."""

import pytest

from workers.runtime.form_text import as_words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Reading lamp", "Reading lamp"),
        ("28.70 EUR", r"28\.70 EUR"),
        ("[click](https://evil.example)", r"\[click\]\(https\://evil\.example\)"),
        ("www.evil.example and a@evil.example", r"www\.evil\.example and a\@evil\.example"),
        ("![x](//evil)", r"\!\[x\]\(//evil\)"),
        ("**bold** _it_ `code` ~~gone~~", r"\*\*bold\*\* \_it\_ \`code\` \~\~gone\~\~"),
        ("a\n# Heading\n\n- list", "a # Heading - list"),
        ("<img src=x> &lt;b&gt;", r"\<img src=x\> \&lt;b\&gt;"),
        (r"\[x](y)", r"\\\[x\]\(y\)"),
    ],
)
def test_words_are_shown_as_they_are(text: str, shown: str) -> None:
    assert as_words(text) == shown
