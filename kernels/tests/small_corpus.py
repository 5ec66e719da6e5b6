"""A small corpus for tests: a crawl, JSON lines, text and code,
and the three corpus programs to run over them.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import sentences
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tanren_kernels import clean, deduplicate, tokenize
from tanren_kernels.contract import CleanConfig, DeduplicateConfig, Result, TokenizeConfig
from tanren_kernels.corpus.documents import read_documents
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter

PROGRAMS: dict[str, Any] = {
    "clean": (CleanConfig, clean.main),
    "deduplicate": (DeduplicateConfig, deduplicate.main),
    "tokenize": (TokenizeConfig, tokenize.main),
}
TASKS = 3
JA_PAGES = 60
HTML = [("Content-Type", "text/html; charset=utf-8")]


def warc(pages: list[tuple[str, str]]) -> bytes:
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True)
    for status, text in pages:
        paragraphs = "".join(f"<p>{line}</p>" for line in text.splitlines())
        body = f"<html><body><main>{paragraphs}</main></body></html>".encode()
        http = StatusAndHeaders(status, HTML, protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record(
                "https://example.org/", "response", payload=io.BytesIO(body), http_headers=http
            )
        )
    return buffer.getvalue()


def write_inputs(root: Path) -> None:
    for name in ("web", "lines", "books", "code"):
        (root / "inputs" / name).mkdir(parents=True)
    pages = [("200 OK", sentences.japanese(number)) for number in range(JA_PAGES)]
    near = sentences.japanese(3, 40)
    pages += [
        ("404 Not Found", "無い"),
        ("200 OK", pages[0][1]),
        ("200 OK", near),
        ("200 OK", near.replace("番号は3の7。", "")),
        ("200 OK", "短い。"),
    ]
    for part in range(4):
        (root / "inputs" / "web" / f"{part}.warc.gz").write_bytes(warc(pages[part::4]))
    cut = warc(pages[10:14])
    (root / "inputs" / "web" / "cut.warc.gz").write_bytes(cut[: len(cut) - 300])
    lines = [json.dumps({"text": sentences.english(number), "id": f"n{number}"}) for number in range(80)]
    lines += ['{"text": "cut in the mid', '{"no text": 1}', '{"text": "\\ud800"}', ""]
    (root / "inputs" / "lines" / "en.jsonl").write_text("\n".join(lines))
    for number in range(12):
        (root / "inputs" / "books" / f"{number:02d}.txt").write_bytes(
            sentences.japanese(500 + number, 30).encode("euc-jp" if number % 2 else "utf-8")
        )
        (root / "inputs" / "code" / f"m{number}.py").write_text(sentences.code(number))


def source(name: str, language: str, format: str, include: str) -> dict[str, Any]:
    return {
        "name": name,
        "language": language,
        "licence": "CC0-1.0",
        "format": format,
        "input": {"path": f"inputs/{name}"},
        "include": [include],
    }


EXTRACTION = {
    "main_content": True,
    "output": "text",
    "ruby": "base",
    "max_record_bytes": 1_000_000,
    "max_record_seconds": 5,
    "max_record_memory_bytes": 536_870_912,
}

RULES = {
    "min_characters": 40,
    "max_characters": 20_000,
    "min_japanese_ratio": 0.5,
    "min_hiragana_ratio": 0.1,
    "max_symbol_ratio": 0.2,
    "max_digit_ratio": 0.4,
    "max_link_ratio": 0.2,
    "max_duplicate_line_ratio": 0.5,
    "max_duplicate_line_character_ratio": 0.5,
    "max_top_ngram_ratio": 0.9,
    "max_duplicate_ngram_ratio": 0.9,
    "max_bullet_line_ratio": 0.9,
    "max_ellipsis_line_ratio": 0.3,
    "min_mean_word_length": 2.0,
    "max_mean_word_length": 10.0,
    "min_stop_words": 2,
    "min_sentence_end_ratio": 0.3,
    "max_encoded_ratio": 0.1,
    "max_mean_line_length": 100,
    "max_line_length": 1_000,
    "min_letter_ratio": 0.25,
}


PARTS = [
    {"language": "ja", "ratio": 50},
    {"language": "en", "ratio": 30},
    {"language": "code", "ratio": 20},
]


def stage(name: str, languages: list[str] | None = None, **sort: Any) -> dict[str, Any]:
    """A stage of cleaning; `sort`: exactly one, by its name."""
    return {"name": name, "languages": languages or [], "sources": [], **sort}


STAGES = [stage("rules", rules=RULES)]


def config(program: str, **changes: Any) -> dict[str, Any]:
    common = {
        "run": {
            "kind": "Corpus",
            "namespace": "default",
            "name": "c",
            "uid": "u",
            "stage": program,
            "attempt": 1,
        },
        "output": f"output/{program}",
        "threads": 1,
        "seed": 7,
    }
    own: dict[str, dict[str, Any]] = {
        "clean": {
            "sources": [
                source("web", "ja", "warc", "*.warc.gz"),
                source("lines", "en", "jsonl", "**/*.jsonl"),
                source("books", "ja", "text", "*.txt"),
                source("code", "code", "code", "*.py"),
            ],
            "tasks": TASKS,
            "workers": 1,
            "extraction": EXTRACTION,
            "stages": STAGES,
        },
        "deduplicate": {
            "input": "output/clean",
            "work": "output/deduplicate/work",
            "tasks": TASKS,
            "workers": 1,
            "parts": 2,
            "memory_bytes": 1 << 30,
            "exact": True,
            "near": True,
            "keep": "source_order",
            "min_hash": {"permutations": 128, "bands": 16, "shingle": 5, "similarity": 0.8},
        },
        "tokenize": {
            "input": "output/deduplicate",
            "train_tokenizer": {
                "vocabulary_size": 600,
                "training_bytes": 40_000,
                "parts": PARTS,
                "max_words": 100_000,
                "removing": [{"contains": "番号"}],
            },
            "mixture": {"parts": PARTS, "max_epochs": 4.0, "sources": []},
            "held_out_ratio": 0.1,
            "shard_tokens": 4_096,
            "memory_bytes": 1 << 30,
            "parents": [],
        },
    }
    return {**common, **own[program], **changes}


def run(program: str, **changes: Any) -> Result:
    model, main = PROGRAMS[program]
    result = main(
        model.model_validate(config(program, **changes)),
        ProgramContext(program, ProgressReporter(program, "step")),
    )
    assert isinstance(result, Result)
    return result


def kept(folder: str) -> dict[str, str]:
    return {
        document.id: document.text
        for file in sorted(Path(folder, "documents").glob("*.parquet"))
        for document in read_documents(file)
    }


def dropped(folder: str) -> list[dict[str, str]]:
    return [
        json.loads(line)
        for file in sorted(Path(folder, "dropped").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]


def contents(folder: str) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }
