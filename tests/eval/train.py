"""`make model`: learns the linear model of the ticket analysis from our own phrases and writes it as plain JSON.

The same phrases give the same model; tests/adapters/test_analysis_model.py holds the shipped one against them.
"""

import gzip
import hashlib
import json
import math
import time
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from tests.eval import phrases as grammar
from tests.eval.phrases import Phrase, phrases, topics
from workers.adapters.analysis_features import features
from workers.adapters.analysis_model import FORMAT, WEIGHTS, load
from workers.adapters.analysis_text import readable, sentences

EACH, SEED, STRENGTH, ROWS, LEAST = 2_400, 20, 4.0, 60_000, 4
"""English phrases per topic; seed; inverse of the regularisation; most features; phrases one must be in."""
SAMPLE = 20
console = Console(highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def model(
    out: Annotated[Path, typer.Option(help="Where to write it.")] = WEIGHTS,
    each: Annotated[int, typer.Option(min=50, help="English phrases per topic.")] = EACH,
    seed: Annotated[int, typer.Option(help="Other phrases of the same grammar.")] = SEED,
) -> None:
    """Learn the model from our phrases and write it."""
    began = time.monotonic()
    content = learn(list(phrases(each, seed)), list(phrases(max(50, each // 8), seed + 1)))
    content["version"] = fingerprint()
    out.write_bytes(gzip.compress(json.dumps(content, sort_keys=True).encode(), mtime=0))
    load.cache_clear()
    number, seconds = content["features"].count("\n") + 1, time.monotonic() - began
    console.print(f"{out}: {number} features, {out.stat().st_size / 1e6:.2f} MB, {seconds:.0f} s")


def fingerprint() -> str:
    """Of all that decides what the model will be: grammar, numbers, and how a sample is written and seen."""
    digest = hashlib.sha256(f"{FORMAT} {EACH} {SEED} {STRENGTH} {ROWS} {LEAST}".encode())
    for path in sorted(grammar.FOLDER.glob("*.toml")):
        digest.update(path.read_bytes())
    for phrase in phrases(SAMPLE, SEED):
        digest.update(json.dumps([phrase.text, sorted(features(keys_of(phrase.text)).items())]).encode())
    return digest.hexdigest()[:12]


def keys_of(text: str) -> list[str]:
    """The words of a message, all sentences together."""
    return [key for sentence in sentences(readable(text)) for key in sentence.keys]


def learn(known: Sequence[Phrase], unseen: Sequence[Phrase]) -> dict[str, Any]:
    """Weights from the known phrases, the temperature from the unseen ones."""
    rows = [features(keys_of(phrase.text)) for phrase in known]
    counts: dict[str, int] = {}
    for row in rows:
        for name in row:
            counts[name] = counts.get(name, 0) + 1
    names = [name for name, count in counts.items() if count >= LEAST]
    order = sorted(topics())
    truth = np.array([order.index(phrase.topic) for phrase in known])
    learnt = _fit(_matrix(rows, names), truth)
    kept = np.argsort(-np.abs(learnt.coef_).max(axis=0), kind="stable")[:ROWS]
    weights, kept_names = learnt.coef_[:, kept].T, [names[at] for at in kept]
    unit = float(np.abs(weights).max() / 127)
    table = np.clip(np.rint(weights / unit), -127, 127).astype(np.int8)
    tested = _matrix([features(keys_of(phrase.text)) for phrase in unseen], kept_names)
    scores = tested @ (table.astype(float) * unit) + learnt.intercept_
    return {
        "format": FORMAT,
        "topics": {topic: topics()[topic] for topic in order},
        "bias": [round(float(value), 4) for value in learnt.intercept_],
        "unit": unit,
        "temperature": _temperature(scores, np.array([order.index(phrase.topic) for phrase in unseen])),
        "features": "\n".join(kept_names),
        "weights": b64encode(table.tobytes()).decode(),
    }


def _matrix(rows: Sequence[dict[str, float]], names: Sequence[str]) -> csr_matrix:
    columns = {name: at for at, name in enumerate(names)}
    starts, at, values = [0], [], []
    for row in rows:
        for name, value in row.items():
            if (column := columns.get(name)) is not None:
                at.append(column)
                values.append(value)
        starts.append(len(at))
    return csr_matrix((values, at, starts), shape=(len(rows), len(names)))


def _fit(matrix: csr_matrix, truth: Any) -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=120, tol=1e-3).fit(matrix, truth)


def _temperature(scores: Any, truth: Any) -> float:
    """What the scores are divided by so that the likelihood of the unseen phrases is greatest."""

    def loss(log_temperature: float) -> float:
        scaled = scores / math.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(truth)), truth]).mean())

    return round(math.exp(float(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x)), 4)


if __name__ == "__main__":
    app()
