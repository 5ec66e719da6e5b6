"""JSQuAD: reading comprehension, answered by generation (Kurihara et al. 2022, "JGLUE: Japanese general
language understanding evaluation").

Data is SQuAD's JSON as JGLUE publishes it: data[].paragraphs[].context, .qas[].{id, question,
answers[].text}.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..contract import Input
from ..runtime.errors import KernelError

INSTRUCTION = "文章を読み、質問の答えを文章の中からそのまま抜き出してください。\n\n"
STOP = "\n"
MAX_NEW_TOKENS = 64


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Answer(_Shape):
    text: str


class _Question(_Shape):
    id: str
    question: str
    answers: list[_Answer] = Field(min_length=1)


class _Paragraph(_Shape):
    context: str
    qas: list[_Question]


class _Article(_Shape):
    paragraphs: list[_Paragraph]


class _File(_Shape):
    data: list[_Article]


@dataclass(frozen=True)
class Question:
    id: str
    passage: str
    question: str
    answers: tuple[str, ...]


def read(given: Input) -> list[Question]:
    """All questions in the file's order. Raises InvalidData that names the field."""
    path = Path(given.path)
    try:
        file = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise KernelError(
            "InvalidData", f"{path} cannot be read: {error.strerror}; check the reference's claim and path."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise KernelError(
            "InvalidData", f"{path}: {field}: {first['msg']}; give SQuAD's JSON as JGLUE publishes JSQuAD."
        ) from error
    return [
        Question(
            asked.id,
            _without_title(paragraph.context),
            asked.question,
            tuple(answer.text for answer in asked.answers),
        )
        for article in file.data
        for paragraph in article.paragraphs
        for asked in paragraph.qas
    ]


def prompt(question: Question, shots: Sequence[Question]) -> str:
    """The instruction, solved examples, and the question up to where its answer begins."""
    solved = "".join(f"{_unsolved(shot)}{shot.answers[0]}\n\n" for shot in shots)
    return INSTRUCTION + solved + _unsolved(question)


def _unsolved(question: Question) -> str:
    return f"文章：{question.passage}\n質問：{question.question}\n答え："


def _without_title(context: str) -> str:
    """JSQuAD puts the article's title before the passage, parted by [SEP]."""
    return context.rpartition("[SEP]")[2].strip()
