"""Where the models, forms and samples lie: at the root of a checkout, inside the package once installed."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def models_dir() -> Path:
    """The folder of BPMN and DMN files."""
    return _folder("bpmn", "bpmn")


def forms_dir() -> Path:
    """The folder of forms."""
    return _folder("forms", "forms")


def samples_dir() -> Path:
    """The folder of sample orders."""
    return _folder("docs/samples", "samples")


def _folder(in_checkout: str, in_package: str) -> Path:
    installed = _PACKAGE / "resources" / in_package
    return installed if installed.is_dir() else _PACKAGE.parent / in_checkout
