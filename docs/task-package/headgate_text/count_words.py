"""The words of a text, counted."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Positive, Text
from runners.protocol import Metric, Outcome, Result, Unusable
from runners.task import RunnerTask, Work

_LARGEST = 1_000_000  #: different words: a task of ours says when it gives up, rather than take all memory


class CountWords(RunnerTask):
    """Counts the words of a stored text, and stores the list of them, one JSON object a line."""

    TYPE = "com.example.text.CountWords"
    #: It may take much memory: `run` is called in a process of its own, which is ended when the task is.
    APART: ClassVar[bool] = True
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "uri": "The list: `word` and `count`, the most frequent first.",
        "words": "How many words there are.",
        "most": "The most frequent word; null for a text without any.",
    }

    from_: Dynamic[Text] = Field(alias="from", description="The URI of the text.")
    shortest: Dynamic[Positive] = Field(1, description="Words with fewer letters are left out.")

    def run(self, work: Work) -> Outcome:
        """From the storage and back, a line at a time."""
        text = work.folder("texts") / "text"
        work.fetch(self.from_, text)
        try:
            counts = self._counted(text)
        except UnicodeDecodeError:
            return Outcome.failed("`from` is no text in UTF-8")
        with (work.folder("texts") / "words.jsonl").open("w", encoding="utf-8") as out:
            for word, count in counts.most_common():
                out.write(json.dumps({"word": word, "count": count}) + "\n")
        words = counts.total()
        work.log("INFO", f"{words} words, {len(counts)} of them different")
        work.metric(Metric("words", "counter", float(words)))
        uri = work.store("words.jsonl", work.directory / "texts" / "words.jsonl")
        most = next((word for word, _ in counts.most_common(1)), None)
        return Outcome(Result.SUCCESS, outputs={"uri": uri, "words": words, "most": most})

    def _counted(self, text: Path) -> Counter[str]:
        counts: Counter[str] = Counter()
        for word in _words(text):
            if len(word) >= self.shortest:
                counts[word] += 1
            if len(counts) > _LARGEST:
                raise Unusable(f"there are more than {_LARGEST:,} different words")
        return counts


def _words(text: Path) -> Iterator[str]:
    with text.open(encoding="utf-8") as lines:
        for line in lines:
            yield from re.findall(r"\w+", line.lower())
