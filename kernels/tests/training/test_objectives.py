import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import tiny_training
import torch

from tanren_kernels.contract import ChatObjective, DpoObjective, LanguageModelObjective
from tanren_kernels.corpus.packed_tokens import PackedTokens
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.tokenizer import chatml
from tanren_kernels.training.dpo import DirectPreferenceOptimization, dpo_sums, log_probabilities
from tanren_kernels.training.language_modelling import LanguageModelling, Windows
from tanren_kernels.training.objective import held_out_mask
from tanren_kernels.training.sft import SupervisedFineTuning, refuse_unsupervised_ends


def lines(path: Path, bodies: Sequence[object]) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(body, ensure_ascii=False) + "\n" for body in bodies))
    return path.name


def conversation(number: int, turns: int = 2) -> dict[str, Any]:
    pairs = [
        (
            {"role": "user", "content": f"問い{number}の{turn}"},
            {"role": "assistant", "content": f"答え{number}は{turn}です。"},
        )
        for turn in range(turns)
    ]
    return {"messages": [message for pair in pairs for message in pair]}


def chat(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bodies: Sequence[object],
    length: int = 64,
    ratio: float = 0.0,
) -> SupervisedFineTuning:
    monkeypatch.chdir(tmp_path)
    objective = ChatObjective.model_validate(
        {"conversations": [{"path": lines(tmp_path / "chat.jsonl", bodies)}], "held_out_ratio": ratio}
    )
    return SupervisedFineTuning(objective, tiny.text_tokenizer(), length)


def preferences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bodies: Sequence[object], length: int = 64
) -> DirectPreferenceOptimization:
    monkeypatch.chdir(tmp_path)
    body = {
        "preferences": [{"path": lines(tmp_path / "pairs.jsonl", bodies)}],
        "beta": 0.1,
        "held_out_ratio": 0.3,
    }
    return DirectPreferenceOptimization(DpoObjective.model_validate(body), tiny.text_tokenizer(), length)


def pair(number: int) -> dict[str, object]:
    return {
        "prompt": [{"role": "user", "content": f"問い{number}"}],
        "chosen": f"良い答え{number}です。",
        "rejected": f"悪い{number}",
    }


class TestWindows:
    def test_packed_windows_cover_the_corpus_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        tiny_training.write_corpus(tmp_path / "corpus", 5)
        tokens = PackedTokens.of_train(Path("corpus"))
        windows = Windows.packed(tokens, 16)
        batch = windows.batch(np.arange(len(windows)))
        covered = len(windows) * 16
        assert tokens.total_tokens - covered <= 16
        assert batch.tokens_BT.flatten().tolist() == tokens.slice(0, covered).tolist()
        assert batch.targets_BT.flatten().tolist() == tokens.slice(1, covered).tolist()

    def test_document_windows_never_cross_documents(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        tiny_training.write_corpus(tmp_path / "corpus", 5)
        tokens = PackedTokens.of_train(Path("corpus"))
        windows = Windows.within_documents(tokens, 50)
        lengths = np.diff(np.append(tokens.document_starts, tokens.total_tokens))
        assert len(windows) == sum((lengths - 1) // 50) > 0
        # Only the last target of a document is its <|endoftext|>, so no input is.
        assert not (
            windows.batch(np.arange(len(windows))).tokens_BT == tiny.text_tokenizer().end_of_text
        ).any()

    def test_unigram_entropy_is_that_of_the_held_out_targets(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        tiny_training.write_corpus(tmp_path / "corpus", 5)
        objective = LanguageModelling(
            LanguageModelObjective.model_validate({"corpus": {"path": "corpus"}, "sampling": "packed"}), 16
        )
        targets = [
            token
            for windows in objective.held_out.values()
            for token in windows.batch(np.arange(len(windows))).targets_BT.flatten().tolist()
        ]
        shares = [targets.count(token) / len(targets) for token in set(targets)]
        assert objective.unigram_entropy() == pytest.approx(-sum(share * math.log(share) for share in shares))

    @pytest.mark.parametrize(
        ("sampling", "reason"), [("documents", "NoLongDocuments"), ("packed", "InvalidData")]
    )
    def test_a_corpus_without_a_window_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampling: str, reason: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        tiny_training.write_corpus(tmp_path / "corpus", 2)
        with pytest.raises(KernelError) as caught:
            LanguageModelling(
                LanguageModelObjective.model_validate({"corpus": {"path": "corpus"}, "sampling": sampling}),
                100_000,
            )
        assert caught.value.reason == reason


class TestChat:
    def test_targets_of_a_batch_are_the_answers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = tiny.text_tokenizer()
        samples = chat(tmp_path, monkeypatch, [conversation(1), conversation(2, turns=1)], length=200).train
        batch = samples.batch(np.arange(2))
        assert batch.supervised_BT is not None
        taught = [text.decode(batch.targets_BT[row][batch.supervised_BT[row]].tolist()) for row in range(2)]
        assert taught == ["答え1は0です。<|im_end|>答え1は1です。<|im_end|>", "答え2は0です。<|im_end|>"]
        assert samples.weight(np.arange(2)) == int(batch.supervised_BT.sum())

    @pytest.mark.parametrize("length", range(40, 140, 9))
    def test_an_end_of_turn_is_taught_for_every_whole_turn_however_it_is_cut(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
    ) -> None:
        text = tiny.text_tokenizer()
        bodies = [conversation(number, turns=3) for number in range(4)]
        tuning = chat(tmp_path, monkeypatch, bodies, length=length)
        batch = tuning.train.batch(np.arange(len(tuning.train)))
        assert batch.supervised_BT is not None
        taught = int((batch.supervised_BT & (batch.targets_BT == text.message_end)).sum())
        ends = [end for body in bodies for end in chatml.render(body["messages"], text).answer_ends]
        assert taught == sum(end <= length for end in ends)

    def test_unsupervised_ends_of_turn_are_refused(self) -> None:
        text = tiny.text_tokenizer()
        rendering = chatml.render(conversation(1)["messages"], text)
        refuse_unsupervised_ends(rendering, 2, 500, text.message_end, "file line 1")
        rendering.supervised[rendering.answer_ends[0]] = False
        with pytest.raises(KernelError, match="1 supervised ends of turn for 2 whole assistant turns"):
            refuse_unsupervised_ends(rendering, 2, 500, text.message_end, "file line 1")

    def test_held_out_and_trained_conversations_are_apart(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bodies: list[object] = [conversation(number) for number in range(40)]
        tuning = chat(tmp_path, monkeypatch, bodies + bodies, length=200, ratio=0.25)
        assert len(tuning.train) + len(tuning.held_out[""]) == 80
        assert 4 <= len(tuning.held_out[""]) <= 40
        rows = [
            {tuple(part.batch(np.array([i])).tokens_BT[0].tolist()) for i in range(len(part))}
            for part in (tuning.train, tuning.held_out[""])
        ]
        assert not rows[0] & rows[1]

    def test_conversations_with_nothing_to_learn_are_counted_and_none_left_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        silent = {"messages": [{"role": "user", "content": "答えは？"}]}
        assert chat(tmp_path, monkeypatch, [silent, conversation(1)], length=200).dropped == 1
        with pytest.raises(KernelError, match="nothing to train on") as caught:
            chat(tmp_path, monkeypatch, [silent])
        assert caught.value.reason == "InvalidData"


class TestPreferences:
    def test_loss_and_metrics_equal_the_formula_in_numpy(self) -> None:
        """Rafailov et al. 2023, equation 7."""
        rng = np.random.default_rng(0)
        policy, reference = rng.normal(-20, 5, 10), rng.normal(-20, 5, 10)
        beta = 0.3
        sums = dpo_sums(torch.tensor(policy), torch.tensor(reference), beta)
        chosen, rejected = beta * (policy[:5] - reference[:5]), beta * (policy[5:] - reference[5:])
        assert float(sums["loss"]) == pytest.approx(-np.log(1 / (1 + np.exp(-(chosen - rejected)))).sum())
        assert float(sums["rewards/chosen"]) == pytest.approx(chosen.sum())
        assert float(sums["rewards/rejected"]) == pytest.approx(rejected.sum())
        assert float(sums["rewards/margins"]) == pytest.approx((chosen - rejected).sum())
        assert float(sums["rewards/accuracies"]) == (chosen > rejected).sum()
        assert float(sums["logps/chosen"]) == pytest.approx(policy[:5].sum())
        assert float(sums["logps/rejected"]) == pytest.approx(policy[5:].sum())

    def test_log_probabilities_are_of_the_answer_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text, model = tiny.text_tokenizer(), tiny.model()
        objective = preferences(tmp_path, monkeypatch, [pair(number) for number in range(8)])
        batch = objective.train.batch(np.arange(2))
        with torch.no_grad():
            measured = log_probabilities(model, batch)
            for row in range(4):
                tokens = [*batch.tokens_BT[row].tolist(), 0]
                tokens[1:] = batch.targets_BT[row].tolist()
                end = len(tokens) - tokens[::-1].index(text.message_end)
                tokens = tokens[:end]
                start = (
                    len(tokens)
                    - tokens[::-1].index(text.message_start)
                    + len(text.encode_plain("assistant\n"))
                )
                table = model(torch.tensor([tokens[:-1]]))[0].log_softmax(-1)
                expected = sum(
                    table[position - 1, tokens[position]] for position in range(start, len(tokens))
                )
                torch.testing.assert_close(measured[row], expected, atol=1e-4, rtol=1e-5)

    def test_long_and_equal_pairs_are_dropped_and_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bodies: list[object] = [pair(number) for number in range(10)]
        bodies += [{**pair(11), "chosen": "長" * 300}, {**pair(12), "chosen": "同じ", "rejected": "同じ"}]
        objective = preferences(tmp_path, monkeypatch, bodies)
        assert objective.dropped == 2
        assert len(objective.train) + len(objective.held_out[""]) == 10
        with pytest.raises(KernelError) as caught:
            preferences(tmp_path, monkeypatch, bodies, length=10)
        assert caught.value.reason == "NoPreferencePairs"

    @pytest.mark.parametrize(
        "body", [{"prompt": "x", "chosen": "a", "rejected": "b"}, {**pair(1), "rejected": None}, "text"]
    )
    def test_unusable_lines_are_refused_with_their_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: object
    ) -> None:
        with pytest.raises(KernelError, match=r"pairs\.jsonl line 2") as caught:
            preferences(tmp_path, monkeypatch, [pair(0), body])
        assert caught.value.reason == "InvalidData"


def test_held_out_mask_keeps_equal_keys_together_and_moves_nobody_when_data_grow() -> None:
    keys = [str(number) for number in range(500)]
    mask = held_out_mask(keys * 2, 0.2)
    assert mask[:500] == mask[500:] == held_out_mask(keys, 0.2)
    assert held_out_mask(keys[:50], 0.2) == mask[:50]
    assert 60 < sum(mask[:500]) < 140
    assert sum(held_out_mask(["a", "b", "c"], 1e-9)) == 1
    assert held_out_mask(["a", "a"], 1e-9) == [False, False]
