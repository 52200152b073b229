"""Words from outside, as they may stand in a post or on somebody's phone: they call nobody and lead nowhere."""

import re
import unicodedata

MOST_CHARACTERS = 3_000
"""Of a post; Slack itself breaks longer ones into several."""
MOST_ON_A_PHONE = 500

_JOINER = "\u2060"
"""WORD JOINER: takes no room, and nothing breaks at it."""
_ACTIVE = re.compile(r"@(?=\w)|:(?=//)|\.(?=\w*[^\W\d])")
"""What makes a mention or an address of the word that follows."""
_SAFE_LINK = re.compile(r"https?://[\w.~:/?#%=&@+,;-]+", re.ASCII)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""What changes how other characters are read, or is none: controls, directions, half surrogates."""


def escape(text: str, most: int = MOST_CHARACTERS) -> str:
    """As Slack takes it: no mention, no channel, no link; Slack is told besides to format nothing."""
    visible = _cut("".join(_visible(character) for character in text.replace("\r\n", "\n")), most)
    quiet = _ACTIVE.sub(rf"\g<0>{_JOINER}", visible)
    return quiet.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def one_line(text: str, most: int = MOST_ON_A_PHONE) -> str:
    """As a phone shows it: what is visible, on one line, cut where it is too long."""
    return _cut(" ".join("".join(_visible(character) for character in text).split()), most)


def leading_to(link: str) -> str:
    """Slack's way to write an address of ours; as plain text when it is none that is safe."""
    return f"<{link.replace('&', '&amp;')}>" if _SAFE_LINK.fullmatch(link) else escape(link)


def _visible(character: str) -> str:
    return " " if unicodedata.category(character) in _HIDDEN and character != "\n" else character


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
