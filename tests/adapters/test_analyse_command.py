"""`orderops analyse` on files as people have them."""

import csv
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from workers.runtime.commands import analyse
from workers.runtime.errors import UserError


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    analyse.register(app)
    return CliRunner().invoke(app, ["analyse", *map(str, arguments)])


def labels(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def test_each_text_has_one_row_in_the_same_order(tmp_path: Path) -> None:
    file, out = tmp_path / "texts.csv", tmp_path / "labels.csv"
    texts = [
        "Where is my order?",
        "It burned\nmy hand",
        "",
        'He said "cancel my order"',
        "a;b,c",
        "Je veux être remboursé",
    ]
    with file.open("w", encoding="utf-8", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(["id", "text"])
        rows.writerows(enumerate(texts))
    assert run("--file", file, "--column", "text", "--out", out).exit_code == 0
    found = labels(out)
    assert len(found) == len(texts)
    assert list(found[0]) == ["intent", "anger", "safety", "confidence"]
    assert [row["intent"] for row in found if row["intent"] != "other"][:1] == ["tracking"]
    assert [row["safety"] for row in found] == ["false", "true", "false", "false", "false", "false"]
    assert found[3]["intent"] == "cancel"
    assert found[5]["intent"] == "refund"
    assert all(0 <= float(row["confidence"]) <= 1 and 0 <= int(row["anger"]) <= 100 for row in found)


def test_odd_bytes_short_rows_and_huge_cells_are_read(tmp_path: Path) -> None:
    file, out = tmp_path / "texts.csv", tmp_path / "labels.csv"
    file.write_bytes(b"\xef\xbb\xbfid,text\n1,\xff\xfe where is it\n2\n3," + b"a" * 300_000 + b"\n4,a\x00b\n")
    assert run("--file", file, "--out", out).exit_code == 0
    assert len(labels(out)) == 4


def test_an_unknown_column_is_said_with_those_there_are(tmp_path: Path) -> None:
    file, out = tmp_path / "texts.csv", tmp_path / "labels.csv"
    file.write_text("id,body\n1,hello\n")
    error = run("--file", file, "--out", out).exception
    assert isinstance(error, UserError)
    assert "no column text" in str(error)
    assert error.hint is not None
    assert "id, body" in error.hint
    assert not out.exists()


def test_the_texts_are_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text\nhello\n")
    with pytest.raises(UserError, match="overwrite"):
        raise run("--file", file, "--out", file).exception or AssertionError
    assert file.read_text() == "text\nhello\n"
