"""Program `judge`: scores candidate answers by rules and keeps the widest pair of each prompt.

Reads candidates.jsonl (program `generate`), writes preferences.jsonl: one JSON line per kept pair with
`prompt` (messages), `chosen`, `rejected` (the assistant's content), `scores` and `why`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .contract import Input, JudgeConfig, Result
from .evaluation.answer_rules import Assessment, assess
from .runtime import durable_file, json_lines
from .runtime.errors import KernelError
from .runtime.program import ProgramContext, run


class Sample(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    text: str
    finish: str


class Candidates(BaseModel):
    """One line of candidates.jsonl."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    messages: list[dict[str, str]]
    reference: str | None = None
    samples: list[Sample]


@dataclass(frozen=True)
class Judgement:
    """The widest pair of one prompt: indices into its samples and what was found about each."""

    chosen: int
    rejected: int
    assessments: list[Assessment]

    @property
    def margin(self) -> float:
        return self.assessments[self.chosen].score - self.assessments[self.rejected].score


def widest_pair(candidates: Candidates, config: JudgeConfig) -> Judgement:
    """The best against the worst sample; of equal ones the first, so that nothing depends on chance."""
    prompt = candidates.messages[-1]["content"]
    found = [
        assess(sample.text, sample.finish == "stop", prompt, candidates.reference, config.rules)
        for sample in candidates.samples
    ]
    order = range(len(found))
    return Judgement(
        chosen=max(order, key=lambda i: (found[i].score, -i)),
        rejected=min(order, key=lambda i: (found[i].score, i)),
        assessments=found,
    )


def preference(candidates: Candidates, judgement: Judgement) -> dict[str, Any]:
    sides = {"chosen": judgement.chosen, "rejected": judgement.rejected}
    verdicts = {side: judgement.assessments[index] for side, index in sides.items()}
    return {
        "prompt": candidates.messages,
        **{side: candidates.samples[index].text for side, index in sides.items()},
        "scores": {side: verdict.score for side, verdict in verdicts.items()},
        "why": {
            side: {"broken_rules": list(verdict.broken), "overlap": verdict.overlap}
            for side, verdict in verdicts.items()
        },
    }


def read_candidates(directory: Path) -> list[Candidates]:
    """All lines of candidates.jsonl.

    Raises InvalidData when `generate` has not finished or a line has another shape.
    """
    path = directory / "candidates.jsonl"
    try:
        expected = json.loads((directory / "generation.json").read_bytes())["prompts"]
        lines = list(json_lines.read([Input(path=path.as_posix())]))
    except (OSError, ValueError, KeyError) as error:
        raise KernelError(
            "InvalidData", f"{directory} holds no finished output of `generate` ({error}); run it first."
        ) from error
    if len(lines) != expected:
        raise KernelError(
            "InvalidData", f"{path} holds {len(lines)} of {expected} prompts; let `generate` finish first."
        )
    found = []
    for line, where in lines:
        try:
            found.append(Candidates.model_validate(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise KernelError(
                "InvalidData", f"{where}: {field}: {first['msg']}; it must be a line of `generate`."
            ) from error
    return found


def main(config: JudgeConfig, context: ProgramContext) -> Result:
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    prompts = read_candidates(Path(config.candidates))
    kept: list[dict[str, Any]] = []
    margins: list[float] = []
    ties = unacceptable = 0
    for number, candidates in enumerate(prompts, start=1):
        context.stop_if_asked()
        judgement = widest_pair(candidates, config)
        if judgement.margin <= 0 or judgement.margin < config.min_margin:
            ties += 1
        elif not judgement.assessments[judgement.chosen].acceptable:
            # The model would be drawn towards an answer that breaks a rule, only because another breaks more
            # of them.
            unacceptable += 1
        else:
            kept.append(preference(candidates, judgement))
            margins.append(judgement.margin)
        context.progress.update(
            number,
            len(prompts),
            {"pairs": len(kept), "ties": ties, "unacceptable": unacceptable},
            unit="prompt",
        )
    if not kept:
        raise KernelError(
            "NoPreferencePairs",
            f"none of {len(prompts)} prompts gives a pair: {ties} ties (margin below {config.min_margin}), "
            f"{unacceptable} whose best answer breaks a rule; "
            "ask for more samples, a higher temperature, or loosen `rules` and `min_margin`.",
        )
    durable_file.write(
        output / "preferences.jsonl",
        b"".join(json.dumps(pair, ensure_ascii=False).encode() + b"\n" for pair in kept),
    )
    metrics = {
        "prompts": len(prompts),
        "pairs": len(kept),
        "ties": ties,
        "unacceptable": unacceptable,
        "mean_margin": sum(margins) / len(margins),
    }
    durable_file.write(output / "metrics.jsonl", json.dumps(metrics).encode() + b"\n")
    return Result(
        reason="Completed",
        message=f"{len(kept)} preference pairs from {len(prompts)} prompts.",
        metrics=metrics,
    )


if __name__ == "__main__":
    run("judge", JudgeConfig, main, unit="prompt")
