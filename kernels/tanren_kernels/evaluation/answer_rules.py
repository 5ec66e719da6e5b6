"""The rule judge: what an answer must keep, and how good an answer that keeps everything is."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import JudgeRules
from . import answer_text


@dataclass(frozen=True)
class Assessment:
    """Verdict on one answer. `broken` names the rules not kept; `overlap` is absent without a reference."""

    score: float
    broken: tuple[str, ...]
    overlap: float | None

    @property
    def acceptable(self) -> bool:
        return not self.broken


def assess(answer: str, ended: bool, prompt: str, reference: str | None, rules: JudgeRules) -> Assessment:
    """Scores an answer in [0, 1].

    Every answer that keeps all rules stands above every answer that breaks one: kept rules alone give up to
    0.5, and only an answer that keeps them all gets the other half, by its overlap with the reference (all of
    it where there is none to compare with). `prompt` is the last user turn; it decides which script is asked
    for.
    """
    kept = {
        "well_formed": answer_text.is_well_formed(answer),
        "length": rules.min_characters <= len(answer.strip()) <= rules.max_characters,
        "repetition": answer_text.repetition(answer) <= rules.max_repetition,
    }
    if rules.require_ending:
        kept["ended"] = ended
    if rules.same_script and answer_text.is_japanese(prompt):
        kept["same_script"] = answer_text.is_japanese(answer)
    broken = tuple(name for name, is_kept in kept.items() if not is_kept)
    overlap = (
        answer_text.character_f1(answer, reference)
        if rules.reference_overlap and reference is not None
        else None
    )
    score = 0.5 * (1 - len(broken) / len(kept))
    if not broken:
        score += 0.5 * (1.0 if overlap is None else overlap)
    return Assessment(score, broken, overlap)
