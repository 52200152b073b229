"""Words from outside in forms: Tasklist and our pages read a form's texts, with what is filled in, as Markdown."""

import re

_ACTIVE = re.compile(r"[\\`*_\[\]()!|~:.@<>&]")
"""What makes links, pictures, emphasis, code and elements of words; a bare address becomes a link by its colon,
dot or @."""


def as_words(text: str) -> str:
    """The text so that Markdown shows it as it is, on one line (CommonMark, 2.4: backslash escapes)."""
    return _ACTIVE.sub(r"\\\g<0>", " ".join(text.split()))
