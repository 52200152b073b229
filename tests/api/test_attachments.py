"""Files from outside are saved and not shown."""

import re
from urllib.parse import unquote

import pytest

from api.attachments import download, file_name

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def test_an_svg_is_a_download_that_no_browser_guesses_at() -> None:
    answer = download(SVG, "drawing.svg")
    assert answer.body == SVG
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Photo of the damage.jpg", "Photo of the damage.jpg"),
        ("Schäden 破損.png", "Schäden 破損.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\x.pdf", "x.pdf"),
        ('a"; filename="evil.html', "a filename=evil.html"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie x=1.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ('"><svg onload=alert(1)>.svg', "svg onload=alert(1).svg"),
        ("", "file"),
        ("...", "file"),
        ("/", "file"),
        (".htaccess", "htaccess"),
        ("\x00\x1f", "file"),
        ("no-ending", "no-ending"),
    ],
)
def test_names_keep_what_they_say_and_lose_what_they_could_do(name: str, kept: str) -> None:
    assert file_name(name) == kept
    disposition = download(b"", name).headers["content-disposition"]
    found = re.fullmatch(r"attachment; filename=\"([^\"\r\n]+)\"; filename\*=UTF-8''([\w.%~-]+)", disposition)
    assert found, disposition
    assert unquote(found[2]) == kept


def test_a_long_name_keeps_its_ending() -> None:
    assert re.fullmatch(r"x{80,}\.pdf", file_name("x" * 5000 + ".pdf"))
    assert len(file_name("x" * 5000 + "." + "y" * 5000)) <= 100
