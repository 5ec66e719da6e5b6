"""What the last tests took: suites, then the slowest files, then the slowest tests (`make test-times`)."""

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

MOST = 25
Row = tuple[float, str, str]


@dataclass
class Suite:
    """One target of make: how long it ran, installing apart, and the seconds of its files and tests."""

    name: str
    seconds: float
    files: dict[str, float]
    tests: list[tuple[float, str]]


def read(report: Path) -> Suite:
    """A JUnit report of vitest or pytest; beside it lies a file from the second its target began."""
    files: dict[str, float] = defaultdict(float)
    tests = []
    for group in ElementTree.parse(report).iter("testsuite"):
        for case in group.iter("testcase"):
            seconds = float(case.get("time") or 0)
            # pytest has one group for all, and names the file with each test.
            file = case.get("file") or group.get("name") or "?"
            tests.append((seconds, f"{file} {case.get('name')}"))
            files[file] += seconds
        # vitest has a group for each file, whose time says more than the sum of tests side by side.
        if group.get("name") in files:
            files[group.get("name") or "?"] = float(group.get("time") or 0)
    seconds = report.stat().st_mtime - report.with_suffix(".began").stat().st_mtime
    return Suite(report.stem, seconds, files, tests)


def table(title: str, rows: list[Row]) -> None:
    total = sum(seconds for seconds, _, _ in rows)
    print(f"{title}; the shares are of {total:.0f} s")
    for seconds, suite, words in sorted(rows, reverse=True)[:MOST]:
        print(f"{seconds:8.1f} s {seconds / total:6.1%}  {suite:<15} {words}"[:160].rstrip())


def main(folder: Path) -> None:
    suites = []
    for report in sorted(folder.glob("*.xml")):
        try:
            suites.append(read(report))
        except ElementTree.ParseError:
            print(f"{report} is not whole: {report.stem} is running, or was interrupted; it is left out")
    if not suites:
        sys.exit(f"there are no reports in {folder}: run `make test` or one of its suites first")
    table("Suites", [(suite.seconds, suite.name, f"{len(suite.tests)} tests") for suite in suites])
    files = [(seconds, suite.name, file) for suite in suites for file, seconds in suite.files.items()]
    tests = [(seconds, suite.name, test) for suite in suites for seconds, test in suite.tests]
    table(f"\nSlowest of {len(files)} files", files)
    table(f"\nSlowest of {len(tests)} tests, which may have run side by side", tests)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
