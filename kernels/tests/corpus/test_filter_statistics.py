import json

import pytest

from tanren_kernels.corpus.filter_statistics import CLOSING, DUPLICATES, OPENING, FilterStatistics, fit

STEPS = (*OPENING, "rules", "learned", *DUPLICATES, *CLOSING)


def whole_funnel(reasons: int) -> list[dict[str, object]]:
    statistics = FilterStatistics(STEPS)
    for language in ("ja", "en", "code"):
        for number, step in enumerate(STEPS):
            for document in range(40 - number):
                statistics.passed(step, language, 10**9, 10**9)
                if document < reasons:
                    statistics.dropped(step, language, 10**9, f"{step}_reason_{document}")
    return statistics.rows()


@pytest.mark.parametrize(("reasons", "limit"), [(0, 4_000), (3, 2_600), (12, 2_600), (12, 2_000)])
def test_a_funnel_is_shortened_until_it_fits_and_its_sums_stay(reasons: int, limit: int) -> None:
    rows = whole_funnel(reasons)
    fitted = fit(rows, limit)
    assert len(json.dumps([row.model_dump() for row in fitted], separators=(",", ":")).encode()) <= limit
    for language in ("ja", "en", "code"):
        ours = [row for row in fitted if row.language == language]
        assert ours[0].documents_in == 40 + reasons and ours[-1].documents_out == 40 - len(STEPS) + 1
        assert sum(sum(row.dropped.values()) for row in ours) == reasons * len(STEPS)
        assert ours[0].step in ("read", "extraction") and ours[-1].step == "mixture"


def test_stages_that_are_told_as_one_say_which() -> None:
    """Reasons of one stage under the name of another would be taken for that one's."""
    rows = whole_funnel(12)
    names = {row.step for limit in range(1_700, 4_500, 100) for row in fit(rows, limit)}
    assert "rules to learned" in names
    for limit in range(1_700, 4_500, 100):
        for row in fit(rows, limit):
            if row.step in ("rules", "learned"):
                others = {"rules": "learned", "learned": "rules"}[row.step]
                assert not any(reason.startswith(others) for reason in row.dropped)


def test_a_funnel_that_fits_is_told_whole() -> None:
    rows = whole_funnel(2)
    assert [row.model_dump() for row in fit(rows, 10_000)] == rows


def test_the_most_frequent_reasons_are_the_ones_that_stay() -> None:
    statistics = FilterStatistics(STEPS)
    for reason, count in {"rare": 1, "often": 9, "sometimes": 5, "seldom": 2}.items():
        for _ in range(count):
            statistics.dropped("rules", "ja", 1, reason)
    (row,) = fit(statistics.rows(), 153)
    assert row.dropped == {"often": 9, "sometimes": 5, "other_reasons": 3}


def test_rows_of_several_tasks_are_added_up() -> None:
    one = FilterStatistics(STEPS)
    one.passed("rules", "ja", 5, 5)
    one.dropped("rules", "ja", 7, "too_short")
    both = FilterStatistics(STEPS, [*one.rows(), *one.rows()])
    assert both.rows() == [
        {
            "step": "rules",
            "language": "ja",
            "documents_in": 4,
            "documents_out": 2,
            "bytes_in": 24,
            "bytes_out": 10,
            "dropped": {"too_short": 2},
        }
    ]


def test_of_many_languages_the_smaller_ones_are_told_as_several() -> None:
    languages = [f"a{chr(ord('a') + number)}" for number in range(26)]
    statistics = FilterStatistics(["read", "extraction"])
    for number, language in enumerate(languages):
        for _ in range(number + 1):
            statistics.passed("read", language, 10**6, 10**6)
            statistics.passed("extraction", language, 10**6, 10**6)
    fitted = fit(statistics.rows(), 1_500)
    assert [row.language for row in fitted] == [*languages[-8:], "mul"]
    assert sum(row.documents_out for row in fitted) == sum(range(27))
