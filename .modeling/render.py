"""Draws every model of bpmn/ into docs/processes/<stem>.svg, as Camunda Modeler shows it. Run by `make diagrams`.

Diagrams and requirements graphs are drawn by bpmn-js and dmn-js in a headless Chromium, decision tables and
expressions below their graph. The same model always gives the same file; it carries the model's SHA-256,
by which a test tells a picture that is out of date.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
MODELS = HERE.parent / "bpmn"
PICTURES = HERE.parent / "docs" / "processes"
SCRIPTS = {
    ".bpmn": ("bpmn-js/dist/bpmn-viewer.production.min.js", "drawBpmn"),
    ".dmn": ("dmn-js/dist/dmn-viewer.production.min.js", "drawDmn"),
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Draw all models; ends with a sentence when browser or packages are missing."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        sys.exit("Drawing needs Chromium or Chrome on the PATH. On Debian: apt install chromium")
    if not (HERE / "node_modules").is_dir():
        sys.exit("Drawing needs the packages of .modeling: run `npm ci` there first.")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for model in sorted(MODELS.iterdir()):
            if model.suffix in SCRIPTS:
                picture = PICTURES / f"{model.stem}.svg"
                picture.write_text(draw(browser.new_page(), model), encoding="utf-8")
                sys.stdout.write(f"{model.name} -> {picture.relative_to(HERE.parent)}\n")
        browser.close()


def draw(page: Page, model: Path) -> str:
    """Return the picture of one model, with the model's hash in front."""
    script, function = SCRIPTS[model.suffix]
    page.goto((HERE / "render.html").as_uri())
    page.add_script_tag(path=HERE / "node_modules" / script)
    page.add_script_tag(path=HERE / "render.js")
    svg = without_random_ids(page.evaluate(function, model.read_text(encoding="utf-8")))
    page.close()
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    start = svg.index("<svg")
    return f"{svg[:start]}<!-- drawn from {model.name}, sha256 {digest} -->\n{svg[start:]}"


def without_random_ids(svg: str) -> str:
    """Number the arrow heads, whose ids end in something random."""
    for number, name in enumerate(dict.fromkeys(re.findall(r'<marker id="([^"]+)"', svg)), start=1):
        svg = svg.replace(name, f"marker-{number}")
    return svg


if __name__ == "__main__":
    main()
