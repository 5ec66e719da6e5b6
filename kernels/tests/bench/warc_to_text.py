"""Web archive to text beside trafilatura and Resiliparse's own extraction: speed, and how much of the text of
manuals each of them gives.

Run by `make bench-corpus`, in the bench environment on the quickstart's archives. Prints one JSON line.
Rounds alternate, figures are medians of processor time on one core. What a page's text is, is known from the
manuals' templates: one element holds it. F1 counts words, and in Japanese characters.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import trafilatura
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

sys.path.insert(0, str(Path(__file__).parents[2]))
from tanren_kernels.contract import ExtractionConfig
from tanren_kernels.corpus import http_message
from tanren_kernels.corpus.archives import Record, read_archive
from tanren_kernels.corpus.character_sets import decode
from tanren_kernels.corpus.page_text import page_text
from tanren_kernels.corpus.unpacked import Unpacked

LIMIT = 10_485_760
CONFIG = ExtractionConfig(
    main_content=True,
    output="text",
    ruby="base",
    max_record_bytes=LIMIT,
    max_record_seconds=10,
    max_record_memory_bytes=536_870_912,
)
TEMPLATES = ("#DisplayArea", "#page-content")
TOKEN = re.compile(r"[A-Za-z0-9]+|[^\sA-Za-z0-9]")


def ours(html: str) -> str:
    return page_text(html, CONFIG)[1]


def by_trafilatura(html: str) -> str:
    return trafilatura.extract(html, favor_recall=False, include_comments=False) or ""


def by_resiliparse(html: str) -> str:
    text: str = extract_plain_text(HTMLTree.parse(html), main_content=True, alt_texts=False)
    return text


SUBJECTS: dict[str, Callable[[str], str]] = {
    "tanren": ours,
    "trafilatura": by_trafilatura,
    "resiliparse": by_resiliparse,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("archives", type=Path, nargs="+", help="WARC files")
    parser.add_argument("--every", type=int, default=10, help="takes every n-th page")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    pages = [html for html in read(arguments.archives) if html][:: arguments.every]
    seconds: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    texts: dict[str, list[str]] = {}
    for _ in range(arguments.rounds):
        for name, extract in SUBJECTS.items():
            began = time.process_time()
            texts[name] = [extract(html) for html in pages]
            seconds[name].append(time.process_time() - began)
    began = time.process_time()
    records = sum(1 for _ in read(arguments.archives))
    reading = (time.process_time() - began) / records * len(pages)
    truths = [truth(html) for html in pages]
    # Reading costs all of them the same.
    median = {name: statistics.median(times) + reading for name, times in seconds.items()}
    figures = {
        name: {
            "pages_per_second": round(len(pages) / median[name], 1),
            "megabytes_per_second": round(sum(map(len, pages)) / median[name] / 1e6, 2),
            "f1": round(mean_f1(texts[name], truths), 4),
            "f1_japanese": round(mean_f1(texts[name], truths, japanese=True), 4),
            "kana_and_kanji_kept": round(kept_share(texts[name], truths), 4),
        }
        for name in SUBJECTS
    }
    ratio = round(median["trafilatura"] / median["tanren"], 2)
    difference = {
        "f1_minus_trafilatura": round(
            mean_f1(texts["tanren"], truths) - mean_f1(texts["trafilatura"], truths), 4
        ),
    }
    print(json.dumps({"pages": len(pages), "warc_vs_trafilatura": ratio, **difference, **figures}))


def read(archives: list[Path]) -> Iterator[str]:
    for archive in archives:
        with Unpacked(archive) as content:
            for record in read_archive(content, frozenset(["response"]), LIMIT):
                if not isinstance(record, Record):
                    continue
                message = http_message.parse(record.block, LIMIT)
                decoded = decode(message.body, message.charset) if message else None
                if decoded is not None:
                    yield decoded.text


def truth(html: str) -> str | None:
    """Text of the element that holds the page's; None where there is no such element."""
    tree = HTMLTree.parse(html)
    for selector in TEMPLATES:
        found = tree.body.query_selector(selector) if tree.body else None
        if found is not None:
            for hidden in found.query_selector_all("script, style, .topnav, #lang, .debug"):
                hidden.decompose()
            return str(found.text)
    return None


def f1(text: str, true: str) -> float:
    own, wanted = Counter(TOKEN.findall(text)), Counter(TOKEN.findall(true))
    common = sum((own & wanted).values())
    return 2 * common / max(sum(own.values()) + sum(wanted.values()), 1)


def mean_f1(texts: list[str], truths: list[str | None], japanese: bool = False) -> float:
    scores = [
        f1(text, true)
        for text, true in zip(texts, truths, strict=True)
        if true and (not japanese or re.search("[ぁ-ん]", true))
    ]
    return statistics.fmean(scores) if scores else 0.0


def kept_share(texts: list[str], truths: list[str | None]) -> float:
    """Share of the pages' kana and kanji that an extractor gives."""
    given = wanted = 0
    for text, true in zip(texts, truths, strict=True):
        if true:
            own, other = (Counter(re.findall(r"[ぁ-ヿ一-鿿]", one)) for one in (text, true))
            given += sum((own & other).values())
            wanted += sum(other.values())
    return given / max(wanted, 1)


if __name__ == "__main__":
    main()
