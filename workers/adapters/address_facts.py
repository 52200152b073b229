"""Implements ports.addresses: facts of an address by its country's rules. Pure; nothing leaves the process."""

import unicodedata

from workers.adapters.address_rules import CountryRules, Region, country_code, country_rules, fold
from workers.adapters.po_boxes import is_po_box
from workers.ports.addresses import AddressFacts
from workers.ports.values import Address


class PostalAddresses:
    """Implements ports.addresses.Addresses."""

    def facts(self, address: Address) -> AddressFacts:
        """See address_facts."""
        return address_facts(address)


def address_facts(address: Address) -> AddressFacts:
    """What can be said of this address.

    A name and a street are needed everywhere, the rest as the country's post says; a country we cannot tell needs
    a city only. A dash or a dot in a field stands for nothing. Cities are never compared with a list:
    people spell them in too many ways.
    """
    code = country_code(address.country.strip())
    rules = country_rules(code) if code else None
    region = _region(address, rules)
    written = _clean_postcode(address.postcode)
    postcode = rules.canonical_postcode(written) if rules and written else written
    return AddressFacts(
        country=code or address.country.strip(),
        region=region.key if region else address.region.strip(),
        postcode=written if postcode is None else postcode,
        missing=_missing(address, rules, written),
        malformed=_malformed(address, rules, region, postcode),
        mismatched=("postcode",) if rules and region and postcode and rules.elsewhere(region, postcode) else (),
        po_box=is_po_box(f"{address.street}\n{address.street2}", code or ""),
    )


def _missing(address: Address, rules: CountryRules | None, postcode: str) -> tuple[str, ...]:
    needed = {"name", "street", "country"} | (rules.required if rules else {"city"})
    written = {
        "name": address.name,
        "street": address.street + address.street2,
        "city": address.city,
        "region": address.region,
        "postcode": postcode,
        "country": address.country,
    }
    return tuple(field for field, text in written.items() if field in needed and _is_empty(text))


def _malformed(
    address: Address, rules: CountryRules | None, region: Region | None, postcode: str | None
) -> tuple[str, ...]:
    """`postcode` is None when it is written in no way the country knows."""
    if rules is None:
        return () if _is_empty(address.country) else ("country",)
    unknown_region = (
        "region" in rules.required
        and rules.regions_have_codes
        and region is None
        and not _is_empty(address.region)
    )
    wrong = {"region": unknown_region, "postcode": postcode is None}
    return tuple(field for field, is_wrong in wrong.items() if is_wrong)


def _region(address: Address, rules: CountryRules | None) -> Region | None:
    if rules is None:
        return None
    written = fold(address.region)
    return rules.regions.get(written) or rules.regions.get(written.replace(" ", ""))


def _clean_postcode(text: str) -> str:
    """Upper case, one space at most, ordinary digits; empty when it stands for nothing."""
    plain = " ".join(unicodedata.normalize("NFKC", text).upper().split()).removeprefix("〒").strip()
    return "" if _is_empty(plain) else plain


def _is_empty(text: str) -> bool:
    """Nothing, or a mark or two that customers type to get past a required field."""
    return len(text.strip()) <= 2 and not fold(text)
