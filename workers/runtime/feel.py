"""Which variables a FEEL expression names. Not a FEEL engine: names, and what a decision table's cells allow."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[^\W\d]\w*|\d+(?:\.\d+)?|\.\.|[{}()\[\]:,.?]|[^\s\w]+')
_WORD = re.compile(r"[^\W\d]\w*")
_FUNCTIONS_WITH_AND = re.compile(r"\b(?:date and time|years and months duration)\s*(?=\()")
_KEYWORDS = frozenset(
    {"if", "then", "else", "for", "in", "return", "some", "every", "satisfies", "and", "or", "between"}
    | {"instance", "of", "function", "true", "false", "null"}
)
_BINDERS = frozenset({"for", "some", "every"})
_SPECIAL = frozenset({"item", "partial"})


def names(expression: str) -> frozenset[str]:
    """Variables that the expression reads; those that may be a list item's own fields too."""
    return frozenset(name for name, _ in _read(expression))


def names_needed(expression: str) -> frozenset[str]:
    """Variables that the expression surely reads: what stands in a filter may be a field of the list's items."""
    return frozenset(name for name, filtering in _read(expression) if not filtering)


def _read(expression: str) -> Iterator[tuple[str, bool]]:
    """Each variable with whether it stands in a filter."""
    tokens = _TOKEN.findall(_FUNCTIONS_WITH_AND.sub("f", expression.removeprefix("=")))
    bound = set(_bound(tokens))
    brackets: list[bool] = []
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else ""
        if token == "[":  # noqa: S105  # a bracket
            brackets.append(before in {")", "]"} or _is_name(before))
        elif token == "]" and brackets:  # noqa: S105  # a bracket
            brackets.pop()
        elif _is_name(token) and before != "." and token not in bound and not _is_label(tokens, index):
            yield token, any(brackets)


def _is_name(token: str) -> bool:
    return bool(_WORD.fullmatch(token)) and token not in _KEYWORDS | _SPECIAL


def _is_label(tokens: list[str], index: int) -> bool:
    """Whether the word is a context's key, or part of a function's name: `string join(…)`."""
    end = index + 1
    while end < len(tokens) and _WORD.fullmatch(tokens[end]) and tokens[end] not in _KEYWORDS:
        end += 1
    after = tokens[end] if end < len(tokens) else ""
    return after == "(" or (after == ":" and end == index + 1)


def _bound(tokens: list[str]) -> Iterator[str]:
    """Names that the expression makes itself: of iterations and of function parameters."""
    for index, token in enumerate(tokens[:-1]):
        if token in _BINDERS:
            yield tokens[index + 1]
        elif token == "function" and ")" in tokens[index:]:  # noqa: S105  # a keyword
            yield from tokens[index + 2 : tokens.index(")", index)]
