"""Passwords: argon2id in the profile that its library recommends (RFC 9106), and what will not do as one."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 1000

_hasher = PasswordHasher()


def complaint(password: str, name: str) -> str | None:
    """Why this will not do as somebody's password, or None."""
    if len(password) < SHORTEST:
        return f"A password has at least {SHORTEST} characters; several words are easy to remember."
    if len(password) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    if name.lower() in password.lower() or len(set(password)) < 5:
        return "This is too easy to guess."
    return None


def hashed(password: str) -> str:
    """What is stored: salt and parameters are in it. Takes a tenth of a second and 64 MiB, on purpose."""
    return _hasher.hash(password)


def fits(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. Takes as long when there is none, or nobody of this name."""
    try:
        return _hasher.verify(password_hash or _nobodys(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(password_hash: str) -> bool:
    """Whether it was made by an older profile, so that it should be made anew at the next log-in."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe())
