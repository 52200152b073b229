"""PO boxes in the spellings and languages of the world. Pure.

A box is recognised by words that mean nothing else ("Postfach"), by abbreviations followed by a number ("BP 123"),
and by short words only in the countries that use them so ("Box 12" in Sweden). Streets and flats that merely look
alike (Boxwood Lane, Pobřežní 12, bus 5, Apartamento 3) are not boxes.
"""

import re
import unicodedata
from functools import cache

_NO = r"\W{0,3}(?:(?:n[or°º]?|nr|num|nummer|number)\b\W{0,2})?"
"""What may stand before the number: spaces, #, no., nr., n°."""

_ANYWHERE = (
    r"(?<!via )\bp[\s./-]*[o0][\s./-]*(?:box|bx)(?![^\W\d_])",
    rf"\bp[\s./-]*[o0][\s./-]*b\.?{_NO}\d",
    r"\bp[\s./-]*o[\s./-]*(?:drawer|caller)\b",
    rf"\bpost(?:al)?[\s-]*(?:office)?[\s-]*box{_NO}[a-z]?-?\d",
    r"\bpost[\s-]*office[\s-]*box(?:es)?\b(?! (?:hill|lane|road|street))",
    rf"\b(?:g\.?p\.?o|c\.?p\.?o)\.?[\s-]*box{_NO}[a-z]?\d",
    rf"\b(?:locked|private|caller)[\s-]*(?:mail[\s-]*)?bag{_NO}[a-z]{{0,3}}[\s-]*\d",
    rf"\b(?:pmb|p\.m\.b\.){_NO}\d",
    r"\bpostfach\b",
    rf"\bboite[\s-]*postale\b|\bb\.?\s?p\.?{_NO}\d[\d ]*(?:$|,|;|\bcedex\b)",
    r"\bcase[\s-]*postale\b",
    r"\bcasella[\s-]*postale\b|\bcas\.\s*post\.",
    rf"\b(?:apartado|apdo|aptdo|apdo\.)\b\.?\s*(?:(?:postal|aereo|de\s+correos?)\b)?{_NO}\d",
    r"\b(?:apartado|apdo)\.?\s*(?:postal|aereo|de\s+correos?)\b",
    rf"\bcasilla\s*(?:(?:de\s+)?correos?|postal)?{_NO}\d",
    r"\b(?:caixa|cx\.?)[\s-]*postal\b",
    rf"\bpostbus{_NO}\d",
    rf"\b(?:postboks|postbox|posthus boks|postilokero|postkast|postholf){_NO}\d",
    r"\bskr(?:ytka|\.)?[\s-]*poczt(?:owa|\.)?(?!\w)",
    r"\bpost(?:ovni|ova|ovy)?\.?\s*(?:prihradka|prihr\.|priecinok)",
    rf"\bpostafiok{_NO}\d",
    r"\bpostni\s+predal\b|\bpostanski\s+(?:pretinac|fah)\b",
    r"\bposta\s+kutusu\b",
    r"\bcasuta\s+postala\b",
    r"\bkotak\s+pos\b|\btromol\s+pos\b|\bpeti\s+surat\b",
    rf"\b(?:hom|hop)\s+thu{_NO}\d",
    r"(?<!\w)а[/\\]я(?!\w)|абонентски[ий]\s+ящик|(?<!\w)а[/\\]с\s*№?\s*\d|абонентська\s+скринька",
    r"пощенска\s+кутия|(?<!\w)п\.\s?к\.\s*№?\s*\d",
    r"(?<!\w)τ\.?\s?θ\.?\s*\d|ταχυδρομικη\s+θυριδα",
    '(?<!\\w)ת[."״]?\\s?ד\\.?\\s*\\d',
    r"(?<!\w)ص\.?\s?ب\.?\W*\d|صندوق\s+(?:ال)?بريد",
    r"[邮郵郵][政局]?信箱|私書箱|사서함",
    r"ตู้\s*(?:ปณ|ไปรษณีย์)",
)

_IN_COUNTRIES = (
    ("SE", rf"(?:^|,)\s*box{_NO}\d"),
    ("DK NO", rf"(?:^|,)\s*(?:boks|p\.?b\.?){_NO}\d"),
    ("FI AX", rf"(?:^|,)\s*(?:p\.?l\.?|p\.?b\.?){_NO}\d"),
    ("HU DE AT", rf"(?:^|,)\s*pf\.?{_NO}\d"),
    ("CH CA IT SM VA RO MD", rf"\bc\.?\s?p\.?{_NO}\d"),
    ("SI HR BA ME RS", rf"\bp\.\s?p\.?{_NO}\d"),
    ("TR", rf"\bp\.\s?k\.?{_NO}\d"),
    ("PL", rf"\bskrytka{_NO}\d"),
    ("US CA", r"\A\s*box\W{0,3}\d+\s*\Z"),
    ("LV", rf"\ba/k{_NO}\d"),
    ("LT", rf"\ba\.\s?d\.{_NO}\d"),
)


@cache
def _pattern(country: str) -> re.Pattern[str]:
    local = (pattern for countries, pattern in _IN_COUNTRIES if country in countries.split())
    return re.compile("|".join(f"(?:{pattern})" for pattern in (*_ANYWHERE, *local)), re.MULTILINE)


def is_po_box(street: str, country: str) -> bool:
    """Whether these address lines name a PO box, in a country given by its ISO code or in none."""
    return bool(street.strip()) and _pattern(country).search(_plain(street)) is not None


def _plain(text: str) -> str:
    """Lower case without accents, full-width characters as ordinary ones; lines stay lines."""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(character for character in decomposed if not "\u0300" <= character <= "\u036f")
    return unicodedata.normalize("NFC", kept).strip()
