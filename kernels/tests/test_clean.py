"""The program that cleans: what it reads, what it says of it, and that nothing but the input decides it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentences
import small_corpus
from backports import zstd
from small_corpus import config, contents, kept, run, source, warc
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tanren_kernels.corpus.documents import read_documents
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.errors import KernelError

DATE = "2026-01-02T03:04:05Z"


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("web", "texts", "pages", "lines", "rows", "wiki"):
        (tmp_path / "inputs" / name).mkdir(parents=True)
    return tmp_path / "inputs"


def page(text: str) -> str:
    return f"<html><head><title>題名</title></head><body><main><p>{text}</p></main></body></html>"


def test_every_format_is_read_however_it_is_packed(inputs: Path) -> None:
    texts = [sentences.japanese(number).replace("\n", "") for number in range(10)]
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True)
    http = StatusAndHeaders("200 OK", small_corpus.HTML, protocol="HTTP/1.1")
    for number, kind, given, headers in (
        (0, "response", page(texts[0]), http),
        (1, "conversion", texts[1], None),
        (0, "response", page(texts[2]), http),
    ):
        record = writer.create_warc_record(
            f"https://example.org/{number}",
            kind,
            payload=io.BytesIO(given.encode()),
            http_headers=headers,
            warc_headers_dict={"WARC-Date": DATE},
        )
        writer.write_record(record)
    (inputs / "web" / "a.warc.gz").write_bytes(buffer.getvalue())
    (inputs / "pages" / "a.html").write_bytes(page(texts[3]).encode())
    (inputs / "pages" / "b.html.xz").write_bytes(lzma.compress(page(texts[4]).encode("cp932")))
    line = json.dumps({"text": texts[5], "title": "行", "url": "https://example.org/5"}).encode()
    (inputs / "lines" / "a.jsonl.zst").write_bytes(zstd.compress(line))
    (inputs / "texts" / "a.txt.bz2").write_bytes(bz2.compress(texts[6].encode()))
    (inputs / "texts" / "b.txt").write_bytes(texts[7].encode("euc_jp"))
    row = {"body": [texts[8]], "licence": ["MIT"], "url": ["https://example.org/8"], "time": [DATE]}
    pq.write_table(pa.table(row), inputs / "rows" / "a.parquet")
    wiki = (
        "<mediawiki><siteinfo><base>https://example.org/wiki/Top</base></siteinfo>"
        f"<page><title>記事</title><ns>0</ns><id>9</id><revision><timestamp>{DATE}</timestamp>"
        f"<text>'''{texts[9][:5]}'''{texts[9][5:]}</text></revision></page>"
        "<page><title>別名</title><ns>0</ns><redirect title='記事' /></page></mediawiki>"
    )
    (inputs / "wiki" / "dump.xml.bz2").write_bytes(bz2.compress(wiki.encode()))
    result = run(
        "clean",
        sources=[
            source("web", "ja", "warc", "*.gz"),
            {**source("wet", "ja", "wet", "*.gz"), "input": {"path": "inputs/web"}},
            source("pages", "ja", "html", "**/*"),
            source("lines", "ja", "jsonl", "*"),
            source("texts", "ja", "text", "*"),
            {**source("rows", "ja", "parquet", "*"), "text_field": "body"},
            source("wiki", "ja", "mediawiki", "*"),
        ],
    )
    assert sorted(kept("output/clean").values()) == sorted(texts)
    assert result.metrics["passed_over/redirects"] == 1
    assert result.metrics["passed_over/conversion_records"] == 1
    assert result.metrics["passed_over/response_records"] == 2
    documents = {
        document.id: document
        for file in Path("output/clean/documents").iterdir()
        for document in read_documents(file)
    }
    second = documents["web/a.warc.gz#1"]
    assert (second.title, second.url, second.time, second.status) == (
        "題名",
        "https://example.org/0",
        DATE,
        200,
    )
    assert gzip.decompress(buffer.getvalue()[second.offset :]).startswith(b"WARC/1.0")
    own = documents["lines/a.jsonl.zst#0"]
    assert (own.title, own.url, own.time, own.status) == ("行", "https://example.org/5", "", None)
    assert documents["pages/b.html.xz"].title == "題名"
    assert own.licence == "CC0-1.0"
    row_ = documents["rows/a.parquet#0"]
    assert (row_.url, row_.time, row_.licence) == ("https://example.org/8", DATE, "MIT")
    article = documents["wiki/dump.xml.bz2#0:9"]
    assert (article.title, article.url, article.time) == (
        "記事",
        "https://example.org/wiki/%E8%A8%98%E4%BA%8B",
        DATE,
    )


GERMAN = (
    "Die Bibliothek öffnet am Montag um neun Uhr. Wer ein Buch ausleihen möchte, braucht einen Ausweis und "
    "muss es nach vier Wochen zurückbringen. Kinder dürfen auch ohne ihre Eltern kommen, wenn sie älter sind."
)


def test_one_pass_over_a_crawl_gives_each_language_its_documents(inputs: Path) -> None:
    ja, en = sentences.japanese(1), sentences.english(1)
    content = warc([("200 OK", ja), ("200 OK", GERMAN), ("200 OK", en), ("200 OK", GERMAN + " Ende.")])
    (inputs / "web" / "a.warc.gz").write_bytes(content)
    wanted = {**source("web", "ja", "warc", "*"), "languages": ["en", "ja"]}
    del wanted["language"]
    result = run("clean", sources=[wanted])
    documents = {
        document.language: document.text
        for file in Path("output/clean/documents").iterdir()
        for document in read_documents(file)
    }
    assert {language: text.split() for language, text in documents.items()} == {
        "ja": ja.split(),
        "en": en.split(),
    }
    assert result.metrics["passed_over/language_de"] == 2
    assert result.funnel is not None
    rows = {(row.step, row.language): (row.documents_in, row.documents_out) for row in result.funnel}
    assert rows["language", "und"] == (2, 0)
    assert rows["language", "ja"] == rows["extraction", "ja"] == (1, 1)
    # Most of a crawl is passed over: it is counted, not written down.
    assert not any(path.read_bytes() for path in Path("output/clean/dropped").iterdir())


@pytest.mark.parametrize("given", [{}, {"language": "ja", "languages": ["ja"]}])
def test_a_source_says_its_language_or_has_it_told(inputs: Path, given: dict[str, object]) -> None:
    (inputs / "texts" / "a.txt").write_text(sentences.japanese(1))
    wanted = source("texts", "ja", "text", "*")
    del wanted["language"]
    with pytest.raises(KernelError, match=r"source texts: exactly one of language and languages is given"):
        run("clean", sources=[{**wanted, **given}])


def test_a_file_is_read_once_and_hashed_on_the_way(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = warc([("200 OK", sentences.japanese(number)) for number in range(5)])[:-50]
    (inputs / "web" / "a.warc.gz").write_bytes(cut)
    monkeypatch.setattr(manifest, "file_sha256", None)
    run("clean", sources=[source("web", "ja", "warc", "*")])
    stats = [json.loads(path.read_bytes()) for path in Path("output/clean/stats").iterdir()]
    files = [file for task in stats for file in task["sources"][0]["files"]]
    assert files == [["a.warc.gz", hashlib.sha256(cut).hexdigest()]]


def test_changed_input_is_read_again_whatever_its_size_and_time(inputs: Path) -> None:
    paths = [inputs / "texts" / f"{number}.txt" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_text(sentences.japanese(number))
    given = {"sources": [source("texts", "ja", "text", "*")]}
    run("clean", **given)
    before = {path.name: path.stat().st_mtime_ns for path in Path("output/clean/documents").iterdir()}
    stamp = paths[1].stat()
    changed = sentences.japanese(1).replace("村", "町")
    paths[1].write_text(changed)
    os.utime(paths[1], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert paths[1].stat().st_size == stamp.st_size
    run("clean", **given)
    after = {path.name: path.stat().st_mtime_ns for path in Path("output/clean/documents").iterdir()}
    assert [name for name in sorted(after) if after[name] != before[name]] == ["00001.parquet"]
    assert kept("output/clean")["texts/1.txt"] == changed


def test_the_number_of_processes_changes_no_byte(inputs: Path) -> None:
    pages = [("200 OK", sentences.japanese(number, 4 + number % 30)) for number in range(300)]
    (inputs / "web" / "a.warc.gz").write_bytes(warc(pages))
    (inputs / "web" / "b.warc.gz").write_bytes(warc(pages[:100])[:-40])
    found: list[dict[str, bytes]] = []
    for threads in (1, 3):
        run("clean", sources=[source("web", "ja", "warc", "*")], threads=threads, output=f"output/{threads}")
        found.append(contents(f"output/{threads}"))
    assert found[0] == found[1]


def test_what_was_lost_of_kept_texts_is_counted(inputs: Path) -> None:
    text = sentences.japanese(1)
    (inputs / "texts" / "cut.txt").write_bytes(b"\xe9" + text.encode() + b"\xe9\x89")
    (inputs / "texts" / "old.txt").write_text(f"\ufffd{text}\ufffd\ufffd")
    result = run("clean", sources=[source("texts", "ja", "text", "*")])
    assert result.metrics["replaced_characters/undecodable_bytes"] == 2
    assert result.metrics["replaced_characters/replaced_before"] == 3


SLOW = "<html><body><p " + " ".join(f"a{number}=1" for number in range(200_000)) + ">鉄</p></body></html>"


def test_a_page_over_its_time_is_named_with_its_place(inputs: Path) -> None:
    (inputs / "pages" / "slow.html").write_text(SLOW)
    (inputs / "pages" / "good.html").write_text(page(sentences.japanese(1)))
    extraction = {**small_corpus.EXTRACTION, "max_record_bytes": 5_000_000, "max_record_seconds": 1}
    result = run("clean", sources=[source("pages", "ja", "html", "*")], extraction=extraction)
    assert list(kept("output/clean")) == ["pages/good.html"]
    entries = [json.loads(line) for path in Path("output/clean/dropped").iterdir() for line in path.open()]
    assert [(entry["id"], entry["reason"], entry["offset"]) for entry in entries] == [
        ("pages/slow.html", "took_too_long", 0)
    ]
    assert result.funnel is not None
    assert [row.dropped for row in result.funnel if row.step == "extraction"] == [{"took_too_long": 1}]


def test_asked_to_stop_the_program_ends_whatever_a_page_does(inputs: Path) -> None:
    (inputs / "pages" / "slow.html").write_text(SLOW)
    extraction = {**small_corpus.EXTRACTION, "max_record_bytes": 5_000_000, "max_record_seconds": 600}
    given = config("clean", sources=[source("pages", "ja", "html", "*")], extraction=extraction, tasks=1)
    Path("config.json").write_text(json.dumps(given))
    process = subprocess.Popen(
        [sys.executable, "-m", "tanren_kernels.clean", "--config", "config.json", "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: any(Path("output").rglob("*.jsonl.tmp")))
    wait_until(lambda: busy(process.pid))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 143


def busy(pid: int) -> bool:
    """Whether a descendant of a process has used processor time worth speaking of."""
    pids = [pid]
    for one in pids:
        pids += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
    ticks = [sum(map(int, Path(f"/proc/{one}/stat").read_text().split()[13:15])) for one in pids[2:]]
    return max(ticks, default=0) > 50


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_link_that_leads_out_of_its_source_is_refused(inputs: Path) -> None:
    (inputs / "secret.txt").write_text(sentences.japanese(1))
    (inputs / "texts" / "a.txt").symlink_to(inputs / "secret.txt")
    with pytest.raises(KernelError, match="leads out of inputs/texts") as caught:
        run("clean", sources=[source("texts", "ja", "text", "*")])
    assert caught.value.reason == "InvalidData"


def test_thousands_of_tiny_files_and_empty_ones_are_documents_and_reasons(inputs: Path) -> None:
    for number in range(2_000):
        (inputs / "texts" / f"{number:05}.txt").write_text(
            "" if number % 2 else sentences.japanese(number, 3)
        )
    result = run("clean", sources=[source("texts", "ja", "text", "*")])
    assert result.metrics["documents"] == 1_000
    assert result.funnel is not None
    assert [row.dropped for row in result.funnel if row.step == "extraction"] == [{"no_text": 1_000}]
