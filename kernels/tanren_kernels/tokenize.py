"""Makes the corpus artifact: tokenizer, held-out split, mixture by ratio, packed shards.

Expected flow: a catalogue of all documents; a tokenizer, trained and pruned or taken from another artifact;
every document encoded, task by task; then the mixture copied into shards, and the manifest last. What is
finished lies in a work folder, from which a restart resumes.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .contract import Manifest, ManifestParent, Result, TokenizeConfig
from .corpus import mixture, report
from .corpus.catalogue import Catalogue
from .corpus.documents import SUMMARY, TaskFolder, fingerprint
from .corpus.encoding import EncodedDocuments, encode_documents
from .corpus.filter_statistics import CLOSING, FilterStatistics, fit, steps_of
from .corpus.mixture import Group
from .corpus.packing import Packing
from .corpus.vocabulary import REMOVED, trained_tokenizer
from .runtime import durable_file, manifest
from .runtime.errors import KernelError
from .runtime.program import ProgramContext, run
from .tokenizer import tokenizer

FUNNEL = "funnel.json"

WORK = "work"
"""Folder below the output whose files a restart resumes from; no part of the artifact."""

# By which a tokenizer that was made of a SentencePiece model is compared with its library.
_COMPARED_DOCUMENTS = 200


def main(config: TokenizeConfig, context: ProgramContext) -> Result:
    _check(config)
    # Read by the tokenizers library when it first makes threads.
    os.environ["RAYON_NUM_THREADS"] = str(config.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if config.threads > 1 else "false"
    summary, folders = _deduplicated(Path(config.input))
    parents = [manifest.verify_input(parent) for parent in config.parents]
    if config.tokenizer is not None:
        parents.append(manifest.verify_input(config.tokenizer))
    parents += [
        ManifestParent(name=f"source/{source['name']}", digest=source["digest"])
        for source in summary["sources"]
    ]
    # Of the documents, not of their files, which depend on the number of tasks.
    mark = fingerprint(config, summary["fingerprint"], [parent.digest for parent in parents])

    output = Path(config.output)
    if not (output / manifest.NAME).exists() or manifest.read(output).metadata.get("fingerprint") != mark:
        _Tokenization(config, context, summary, folders, mark).run(output, parents)
    shutil.rmtree(output / WORK, ignore_errors=True)
    return _result(output, manifest.read(output), context)


def _check(config: TokenizeConfig) -> None:
    mixture.check(config.mixture)
    if config.train_tokenizer is not None:
        mixture.check_parts(config.train_tokenizer.parts, "train_tokenizer.parts")
    if (config.train_tokenizer is None) == (config.tokenizer is None):
        raise KernelError("InvalidConfig", "exactly one of train_tokenizer and tokenizer is given.")


def _deduplicated(root: Path) -> tuple[dict[str, Any], list[TaskFolder]]:
    """Summary and tasks of a finished `deduplicate`."""
    try:
        summary: dict[str, Any] = json.loads((root / SUMMARY).read_bytes())
    except FileNotFoundError as error:
        raise KernelError(
            "InvalidData", f"{root} has no {SUMMARY}; run the deduplicate stage to its end first."
        ) from error
    return summary, [TaskFolder(root, task) for task in range(summary["tasks"])]


class _Tokenization:
    """One making of the artifact."""

    def __init__(
        self,
        config: TokenizeConfig,
        context: ProgramContext,
        summary: dict[str, Any],
        folders: list[TaskFolder],
        mark: str,
    ) -> None:
        self.config = config
        self.context = context
        self.summary = summary
        self.folders = folders
        self.mark = mark
        self.languages: list[str] = [part.language for part in config.mixture.parts]
        self.licences: dict[str, str] = {source["name"]: source["licence"] for source in summary["sources"]}

    def run(self, output: Path, parents: list[ManifestParent]) -> None:
        work = self._prepare(output)
        catalogue = Catalogue(self.folders, self.config.held_out_ratio)
        usable = catalogue.is_source(*mixture.allowed(self.licences, self.config.mixture))
        self._check_languages(catalogue, usable)
        figures = self._tokenizer(work, catalogue, usable)
        text_tokenizer = tokenizer.load(work)
        wanted = usable & catalogue.is_language(*self.languages)
        encoded = encode_documents(catalogue, text_tokenizer, wanted, work, self.context, self.config.threads)
        groups = _groups(catalogue, wanted, self.languages)
        available = {group: int(encoded.lengths[own].sum()) for group, own in groups.items()}
        shares = mixture.quotas(available, self.config.mixture)

        packing = Packing(self.config, catalogue, encoded, output, work, self.context)
        held_out = packing.write_held_out(self.languages)
        used = packing.write_training(groups, shares)
        rows = self._funnel(catalogue, usable, used)
        for name in (tokenizer.NAME, REMOVED):
            if (work / name).exists():
                durable_file.write(output / name, (work / name).read_bytes())
        durable_file.write(output / FUNNEL, json.dumps(rows, ensure_ascii=False, indent=1).encode())

        metadata: dict[str, Any] = {
            "dtype": encoded.dtype.name,
            "vocabulary_size": text_tokenizer.vocabulary_size,
            "tokenizer_digest": text_tokenizer.digest,
            "train_tokens": sum(shares.values()),
            "tokens_by_language": _summed(shares, lambda group: group.language),
            "available_tokens_by_language": _summed(available, lambda group: group.language),
            "tokens_by_source": _summed(shares, lambda group: group.source),
            "available_tokens_by_source": _summed(available, lambda group: group.source),
            "held_out_tokens_by_language": held_out,
            "characters_per_token_by_language": self._characters_per_token(catalogue, encoded),
            "sources": [
                {key: source[key] for key in ("name", "language", "licence", "digest")}
                for source in self.summary["sources"]
            ],
            "tokenizer": figures,
            "fingerprint": self.mark,
        }
        report.write(
            output,
            {
                **report.read(Path(self.config.input)),
                "funnel": rows,
                "tokenizer": {
                    **figures,
                    "vocabulary_size": metadata["vocabulary_size"],
                    "languages": [
                        {
                            "language": language,
                            "characters_per_token": rate,
                            "tokens": shares.get(language, 0),
                            "available_tokens": available.get(language, 0),
                            "held_out_tokens": held_out.get(language, 0),
                        }
                        for language, rate in metadata["characters_per_token_by_language"].items()
                    ],
                },
            },
        )
        chosen = [path for path in output.rglob("*") if path.is_file() and work not in path.parents]
        manifest.write(output, "corpus", self.config.run, parents, metadata, chosen)

    def _prepare(self, output: Path) -> Path:
        """Leaves nothing in `output` but what an interrupted making of this very artifact finished,
        and returns its work folder.
        """
        output.mkdir(parents=True, exist_ok=True)
        (output / manifest.NAME).unlink(missing_ok=True)  # from here on the directory is no artifact
        work = output / WORK
        made_for = work / "fingerprint"
        if not made_for.exists() or made_for.read_text() != self.mark:
            shutil.rmtree(work, ignore_errors=True)
        for path in output.iterdir():
            if path.is_dir() and path != work:
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()
        work.mkdir(exist_ok=True)
        durable_file.write(made_for, self.mark.encode())
        return work

    def _check_languages(self, catalogue: Catalogue, usable: npt.NDArray[np.bool_]) -> None:
        """Said before hours of encoding: a language without documents cannot be mixed."""
        training = self.config.train_tokenizer
        for field, parts in (
            ("mixture.parts", self.config.mixture.parts),
            ("train_tokenizer.parts", training.parts if training is not None else []),
        ):
            documents: dict[str, int] = {
                part.language: len(catalogue.training(usable & catalogue.is_language(part.language)))
                for part in parts
            }
            mixture.check_languages(documents, parts, field)

    def _tokenizer(self, work: Path, catalogue: Catalogue, usable: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """Puts tokenizer.json into the work folder and returns its figures."""
        if self.config.tokenizer is not None:
            given = tokenizer.load(Path(self.config.tokenizer.path))
            some = itertools.islice(catalogue.read(usable), _COMPARED_DOCUMENTS)
            given.check_sentencepiece(document.text for _, document in some)
            durable_file.write(work / tokenizer.NAME, given.content)
            return {"from": self.config.tokenizer.path}
        figures = work / "tokenizer-figures.json"
        if not figures.exists():
            trained = trained_tokenizer(self.config, catalogue, usable, work, self.context)
            durable_file.write(figures, json.dumps(trained).encode())
        loaded: dict[str, Any] = json.loads(figures.read_bytes())
        return loaded

    def _characters_per_token(self, catalogue: Catalogue, encoded: EncodedDocuments) -> dict[str, float]:
        """Of the held-out documents, which the tokenizer was not trained on."""
        figures: dict[str, float] = {}
        for language in self.languages:
            own = catalogue.held_out_of(language)
            own = own[encoded.lengths[own] > 0]
            if len(own):
                figures[language] = round(
                    float(catalogue.characters[own].sum() / (encoded.lengths[own] - 1).sum()), 4
                )
        return figures

    def _funnel(
        self, catalogue: Catalogue, usable: npt.NDArray[np.bool_], used: npt.NDArray[np.bool_]
    ) -> list[dict[str, Any]]:
        """The whole funnel: what came before, the split,
        and the documents that the mixture took at least once.
        """
        statistics = FilterStatistics([*steps_of(self.summary["funnel"]), *CLOSING], self.summary["funnel"])
        for number, size in enumerate(catalogue.sizes.tolist()):
            language = catalogue.language_names[catalogue.languages[number]]
            if usable[number] and catalogue.held_out[number]:
                statistics.dropped("held_out", language, size, "held_out")
                continue
            statistics.passed("held_out", language, size, size)
            if used[number]:
                statistics.passed("mixture", language, size, size)
            elif not usable[number]:
                statistics.dropped("mixture", language, size, "licence")
            else:
                reason = "over_ratio" if language in self.languages else "not_in_mixture"
                statistics.dropped("mixture", language, size, reason)
        return statistics.rows()


def _groups(
    catalogue: Catalogue, wanted: npt.NDArray[np.bool_], languages: list[str]
) -> dict[Group, npt.NDArray[np.int64]]:
    """Numbers of the wanted training documents of each source in each language that has some."""
    every = {
        Group(language, source): catalogue.training(
            wanted & catalogue.is_language(language) & catalogue.is_source(source)
        )
        for language in languages
        for source in catalogue.source_names
    }
    return {group: own for group, own in every.items() if len(own)}


def _summed(tokens: Mapping[Group, int], by: Callable[[Group], str]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for group, own in tokens.items():
        sums[by(group)] += own
    return dict(sums)


def _result(output: Path, made: Manifest, context: ProgramContext) -> Result:
    figures = made.metadata
    metrics = {"vocabulary_size": float(figures["vocabulary_size"]), **context.progress.snapshot().metrics}
    if "removed_tokens" in figures["tokenizer"]:
        metrics["removed_tokens"] = float(figures["tokenizer"]["removed_tokens"])
    for name, values in (
        ("tokens", "tokens_by_language"),
        ("held_out_tokens", "held_out_tokens_by_language"),
    ):
        metrics |= {f"{name}_{language}": float(value) for language, value in figures[values].items()}
    metrics |= {
        f"characters_per_token_{language}": value
        for language, value in figures["characters_per_token_by_language"].items()
    }
    for language, tokens in figures["tokens_by_language"].items():
        metrics[f"epochs_{language}"] = round(tokens / figures["available_tokens_by_language"][language], 4)
    artifact = manifest.artifact_result(
        output,
        made,
        tokens=figures["train_tokens"],
        vocabulary_size=figures["vocabulary_size"],
        tokenizer_digest=figures["tokenizer_digest"],
    )
    message = f"{figures['train_tokens']} training tokens in {', '.join(figures['tokens_by_language'])}."
    rows = json.loads((output / FUNNEL).read_bytes())
    return Result(reason="Completed", message=message, artifact=artifact, metrics=metrics, funnel=fit(rows))


if __name__ == "__main__":
    run("tokenize", TokenizeConfig, main, unit="document")
