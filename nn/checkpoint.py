"""The checkpoint of a training: one JSON file, from which it goes on as if it had never stopped.

    {"schema": "glassgrad-checkpoint/3", "run": {"batch_size": 32, "samples": "5f0c…", …},
     "why_eager": null, "parameters": […], "best": […] or null, "frozen": [0, 1],
     "others": ["temperature"], "steps": 504, "history": {…}, "optimiser": {…}, "digest": "90ab…"}

"run" has a name, a number or a digest of each thing that makes this training another than others,
and a file is taken only by a call of `fit` that describes itself alike. Of code of your own, a
model, loss, penalty or metric, the names count, and what loss and penalty give for some made-up
numbers. Its "trained parameters" name those that the first numbers in "parameters" belong to, with
their groups, and "others" those of the model that the optimiser does not move, whose numbers come
last. With its "digest", as in `saving.py`, a file with one bit changed is refused. Reading runs
nothing of the file.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from glassgrad.engine.files import decode, json_text, plain_file, sealed, write_file
from glassgrad.engine.text import clipped
from glassgrad.nn.history import History
from glassgrad.nn.hooks import Hook
from glassgrad.nn.saving import unsealed

SCHEMA = "glassgrad-checkpoint/3"


class Checkpoint(Hook):
    """A file that keeps the states of some parts after every so many epochs, and after the last.

    "run" is what the training is, a text or a number by name.
    """

    def __init__(
        self, path: str | Path, run: Mapping[str, Any], parts: Sequence[Hook], every: int, last: int
    ) -> None:
        self.path, self._run, self._parts = plain_file(path), dict(run), parts
        self._every, self._last, self._saved = every, last, 0
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, "there is no such folder for a checkpoint", str(self.path.parent)
            )

    def after(self, history: History) -> None:
        if history.epochs % self._every == 0:
            self._save(history.epochs)

    def at_end(self, history: History) -> None:
        if history.epochs != self._saved:
            self._save(history.epochs)

    def _save(self, epochs: int) -> None:
        states = {name: x for part in self._parts for name, x in part.state().items()}
        data = {"schema": SCHEMA, "run": self._run, **states}
        write_file(self.path, sealed(data), durable=True)
        self._saved = epochs

    def resume(self) -> int:
        """Let the parts go on from what the file keeps, all or none; how many epochs are done.

        Without a file that is 0. One that is damaged, no checkpoint, or of another training is a
        ValueError that begins with its name.
        """
        if not self.path.exists():
            return 0
        try:
            data = unsealed(self.path, SCHEMA, "checkpoint")
        except ValueError as fault:
            raise self._refusal(str(fault).rstrip(".")) from None
        try:
            other = self._differing(decode(dict[str, Any], data["run"], "its run"))
            columns = decode(dict[str, list[Any]], data["history"]["columns"], "its columns")
            epochs = len(columns["loss"])
            if not other and epochs <= self._last:
                for part in self._parts:
                    part.take(data)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as fault:
            why = f"it lacks {fault}" if isinstance(fault, KeyError) else str(fault).rstrip(".")
            raise self._refusal(f"is damaged: {clipped(why, 120)}") from None
        if other:
            raise self._refusal(f"is the checkpoint of another training: {'; '.join(other)}")
        if epochs > self._last:
            raise self._refusal(f"has {epochs} epochs already, more than epochs={self._last}")
        self._saved = epochs
        return epochs

    def _differing(self, theirs: Mapping[str, Any]) -> list[str]:
        mine = json.loads(json_text(self._run))
        both = {key: (theirs.get(key), mine.get(key)) for key in {**mine, **theirs}}
        return [
            f"{key.replace('_', ' ')} {' there and '.join(_shown(there, here))} here"
            for key, (there, here) in both.items()
            if there != here
        ]

    def _refusal(self, why: str) -> ValueError:
        remedy = "Nothing is changed; give checkpoint= another name to begin anew."
        return ValueError(f"{clipped(self.path.name)} {why}. {remedy}")


def _shown(*entries: Any) -> list[str]:
    """Two entries that differ; of texts of many lines the first line that does."""
    texts = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    lines = zip_longest(*(text.split("\n") for text in texts), fillvalue="nothing")
    return [clipped(line, 100) for line in next((x for x in lines if x[0] != x[1]), texts)]
