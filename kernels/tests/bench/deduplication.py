"""Deduplication: signatures beside datatrove's, recall and chains by an oracle that knows no hashes, memory
at ten times the documents, and two processes beside one.

Run in the bench environment: `make bench-corpus`. --only takes some of the figures. Prints one JSON line and
with --into adds to the figures of a file. Memory is the peak of a process, from the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))
from deduplicating import STEPS, chain, document, dropped, kept, oracle, pairs_as_documents, planted, words
from small_corpus import config, run

from tanren_kernels.contract import MinHashConfig
from tanren_kernels.corpus import minhash
from tanren_kernels.corpus.documents import Document, TaskFolder, TaskWriter

KERNELS = Path(__file__).parents[2]
# FineWeb's shape, which is datatrove's default.
SHAPE = MinHashConfig(permutations=112, bands=14, shingle=5, similarity=0.8)


def write(documents: Iterable[Document], tasks: int) -> None:
    """As `clean` leaves them; document i is file i."""
    writers = [TaskWriter(TaskFolder(Path("output/clean"), task)) for task in range(tasks)]
    for one in documents:
        writers[(one.place >> 32) % tasks].keep(one)
    for writer in writers:
        writer.complete({"funnel": [], "sources": [], "counts": {}}, "mark", content="content")


def prose(rng: random.Random, vocabulary: list[str], count: int) -> str:
    return " ".join(rng.choices(vocabulary, k=count))


def signatures(rounds: int) -> dict[str, Any]:
    """Documents a second of one core; the same texts, alternating."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig as PeerConfig
    from datatrove.pipeline.dedup.minhash import MinhashDedupSignature

    rng = random.Random(1)
    vocabulary = words(rng, 5_000)
    texts = [prose(rng, vocabulary, 400) for _ in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        peer = MinhashDedupSignature(
            folder, config=PeerConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
        )

        def theirs() -> None:
            for text in texts:
                peer.get_signature(peer.get_shingles(text))

        def ours() -> None:
            minhash.signatures([(minhash.normalised(text), "en") for text in texts], SHAPE, seed=1)

        seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(rounds):
            seconds["ours"].append(processor_seconds(ours, 5))
            seconds["theirs"].append(processor_seconds(theirs, 1))
    own, other = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    return {
        "signatures_per_second": round(len(texts) / own),
        "signatures_per_second_datatrove": round(len(texts) / other),
        "signatures_vs_datatrove": round(other / own, 1),
    }


def processor_seconds(work: Callable[[], None], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def recall() -> dict[str, float]:
    figures = {}
    for name, low, high in (("recall_080", 0.80, 0.82), ("recall_085", 0.85, 0.87)):
        pairs = planted(random.Random(99), 1_000, low, high)
        write(pairs_as_documents(pairs), 1)
        run("deduplicate", tasks=1)
        gone = {entry["id"] for entry in dropped("output/deduplicate")}
        figures[name] = sum(f"d{2 * number + 1}" in gone for number in range(1_000)) / 1_000
    return figures


def chains() -> dict[str, float]:
    """Least similarity of a document to the one that stayed for it, in a chain whose ends share nothing."""
    texts = chain(random.Random(5), 500)
    write((document(number, text) for number, text in enumerate(texts)), 1)
    run("deduplicate", tasks=1)
    left = kept("output/deduplicate")
    similarities = [
        oracle(texts[int(entry["id"][1:])], left[entry["duplicate_of"]])
        for entry in dropped("output/deduplicate")
    ]
    return {"chain_dropped": len(similarities), "chain_min_similarity": round(min(similarities), 4)}


def many(count: int) -> Iterable[Document]:
    """A tenth are near duplicates of the document before."""
    rng = random.Random(2)
    vocabulary = words(rng, 50_000)
    text: list[str] = []
    for number in range(count):
        if number % 10 == 9:
            text[7] = "another"
        else:
            text = rng.choices(vocabulary, k=150)
        yield document(number, " ".join(text))


def start(step: str | None, worker: int, workers: int, memory: int) -> subprocess.Popen[bytes]:
    own = config("deduplicate", tasks=8, parts=8, workers=workers, memory_bytes=memory)
    file = Path(f"config-{worker}.json")
    file.write_text(json.dumps(own if step is None else {**own, "step": step}))
    return subprocess.Popen(
        [sys.executable, "-m", "tanren_kernels.deduplicate", "--config", str(file), "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(KERNELS), "JOB_COMPLETION_INDEX": str(worker)},
        stdout=subprocess.DEVNULL,
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Its processor seconds and peak memory in bytes."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"deduplicate ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def memory(count: int) -> dict[str, float]:
    peaks = {}
    for name, documents in (("1x", count), ("10x", 10 * count)):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            write(many(documents), 8)
            peaks[name] = ended(start(None, 0, 1, 1 << 29))[1]
    return {
        "memory_documents_1x": count,
        **{f"memory_megabytes_{name}": round(peak / 1e6) for name, peak in peaks.items()},
        "memory_10x_over_1x": round(peaks["10x"] / peaks["1x"], 3),
    }


def two_processes(count: int) -> dict[str, float]:
    """Wall time, and what it would be on processors of their own: of each step its slowest process."""
    wall: dict[int, float] = {}
    alone: dict[int, float] = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            write(many(count), 8)
            began, alone[workers] = time.perf_counter(), 0.0
            for step in STEPS if workers > 1 else [None]:
                processes = [
                    start(step, worker, workers, 1 << 30)
                    for worker in range(1 if step == "choice" else workers)
                ]
                alone[workers] += max(ended(process)[0] for process in processes)
            wall[workers] = time.perf_counter() - began
    return {
        "two_processes_vs_one": round(wall[1] / wall[2], 2),
        "two_processes_vs_one_processor_time": round(alone[1] / alone[2], 2),
        "one_process_seconds": round(wall[1], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=20_000, help="of memory (and 10x); of processes 5x")
    parser.add_argument("--into", type=Path, help="JSON file whose figures are added to")
    parser.add_argument("--only", action="append", help="signatures, recall, chains, memory, processes")
    arguments = parser.parse_args()
    into = arguments.into.resolve() if arguments.into else None
    measured: dict[str, Callable[[], dict[str, Any]]] = {
        "signatures": lambda: signatures(arguments.rounds),
        "recall": recall,
        "chains": chains,
        "memory": lambda: memory(arguments.documents),
        "processes": lambda: two_processes(5 * arguments.documents),
    }
    figures: dict[str, Any] = {}
    for name in arguments.only or measured:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            figures |= measured[name]()
            os.chdir("/")
    print(json.dumps(figures))
    if into is not None:
        into.parent.mkdir(parents=True, exist_ok=True)
        before = json.loads(into.read_text()) if into.exists() else {}
        into.write_text(json.dumps({**before, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
