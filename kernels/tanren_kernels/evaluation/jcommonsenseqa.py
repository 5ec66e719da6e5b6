"""JCommonsenseQA: five-choice common-sense questions, answered by likelihood (Kurihara et al. 2022, "JGLUE").

Data is JSON lines as JGLUE publishes them: q_id, question, choice0 ... choice4, label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..contract import Input
from ..runtime import json_lines
from ..runtime.errors import KernelError

INSTRUCTION = "質問に最もよく当てはまる答えを、選択肢から一つ選んでください。\n\n"


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    q_id: int | str
    question: str
    choice0: str
    choice1: str
    choice2: str
    choice3: str
    choice4: str
    label: Annotated[int, Field(ge=0, le=4)]


@dataclass(frozen=True)
class Question:
    id: str
    question: str
    choices: tuple[str, ...]
    label: int


def read(given: Input) -> list[Question]:
    """All questions in the file's order. Raises InvalidData that names line and field."""
    questions = []
    for entry, where in json_lines.read([given]):
        try:
            line = _Line.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise KernelError(
                "InvalidData",
                f"{where}: {field}: {first['msg']}; give JSON lines as JGLUE publishes JCommonsenseQA.",
            ) from error
        choices = (line.choice0, line.choice1, line.choice2, line.choice3, line.choice4)
        questions.append(Question(str(line.q_id), line.question, choices, line.label))
    return questions


def prompt(question: Question, shots: Sequence[Question]) -> str:
    """The instruction, solved examples, and the question up to where a choice would follow."""
    solved = "".join(f"{_unsolved(shot)}{shot.choices[shot.label]}\n\n" for shot in shots)
    return INSTRUCTION + solved + _unsolved(question)


def _unsolved(question: Question) -> str:
    listed = "".join(f"・{choice}\n" for choice in question.choices)
    return f"質問：{question.question}\n選択肢：\n{listed}答え：\n"
