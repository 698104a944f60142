"""The climb, step by step, over a world in which every answer is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from cra_pipeline.contracts.packages import EnvironmentLock, WheelPin
from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.testrun import TestOutcome, TestResult, TestRunReport
from cra_pipeline.packages.climb import NO_ADDOPTS, Climbed, Resolution, climb
from cra_pipeline.packages.ladder import Rung
from cra_pipeline.packages.policy import PackagePolicy

Answer = Callable[[frozenset[str], str, tuple[str, ...]], TestRunReport | None]
OWN = frozenset({"own"})
TESTS = Rung(name="tests", as_of="", requirements=("pytest>=7.2",))
DATED = Rung(name="tests", as_of="2024-01-01", requirements=("pytest>=7.2",))
WIDE = Rung(name="development", as_of="", requirements=("extra", "pytest>=7.2"))


def seen(
    *, tests: int = 0, broken: str = "", missing: tuple[str, ...] = (), detail: str = ""
) -> TestRunReport:
    return TestRunReport(
        ending=Ending.EXITED,
        outcomes=tuple(
            TestOutcome(test_id=f"t::{n}", result=TestResult.SKIPPED, detail="")
            for n in range(tests)
        ),
        collect_errors=(TestOutcome(test_id="b.py", result=TestResult.ERROR, detail=broken),)
        if broken
        else (),
        missing_modules=missing,
        complete=True,
        forged="",
        detail=detail,
    )


@dataclass
class Written:
    """A world that answers from what a test wrote down."""

    answer: Answer
    leaking: dict[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    asked: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    def resolve(self, requirements: tuple[str, ...], as_of: str) -> Resolution:
        self.asked.append((requirements, as_of))
        names = [line.partition(">")[0] for line in requirements]
        for name in names:
            if name in self.absent:
                return Resolution(None, f"Because {name} was not found and you require {name}")
        pins = tuple(
            WheelPin(name=name, version=as_of or "new", filename=f"{name}.whl", sha256="0")
            for name in sorted(names)
        )
        return Resolution(EnvironmentLock(python="3", platform="p", wheels=pins), "")

    def leaks(self, lock: EnvironmentLock) -> dict[str, str]:
        return {pin.name: why for pin in lock.wheels if (why := self.leaking.get(pin.name))}

    def probe(self, lock: EnvironmentLock, test_args: tuple[str, ...]) -> TestRunReport | None:
        pins = {pin.name: pin.version for pin in lock.wheels}
        return self.answer(frozenset(pins), pins.get("pytest", ""), test_args)


def climbed(world: Written, *rungs: Rung, native: str = "") -> Climbed:
    return climb(rungs, world, PackagePolicy(), own_modules=OWN, native=native)


def test_the_first_rung_that_collects_is_taken() -> None:
    world = Written(lambda *_: seen(tests=2))

    end = climbed(world, TESTS, DATED)

    assert (end.rung, end.as_of, end.reason) == ("tests", "", "")
    assert len(world.asked) == 1


def test_a_failure_of_newer_wheels_leads_to_the_day_of_the_commit() -> None:
    world = Written(lambda _, day, __: seen(tests=1) if day == "2024-01-01" else seen(broken="b"))

    assert climbed(world, TESTS, DATED).as_of == "2024-01-01"


def test_missing_modules_skip_the_dated_rung_and_are_added_last() -> None:
    world = Written(
        lambda names, *_: (
            seen(tests=1) if "pyyaml" in names else seen(broken="no yaml", missing=("yaml",))
        )
    )

    end = climbed(world, TESTS, DATED)

    assert end.rung == "missing-modules"
    assert [as_of for _, as_of in world.asked] == ["", ""]


def test_a_wider_rung_comes_before_missing_modules() -> None:
    world = Written(
        lambda names, *_: (
            seen(tests=1) if "extra" in names else seen(broken="no yaml", missing=("yaml",))
        )
    )

    assert climbed(world, TESTS, DATED, WIDE).rung == "development"


def test_what_the_index_lacks_is_left_out_with_a_note() -> None:
    world = Written(lambda *_: seen(tests=1), absent=frozenset({"extra"}))

    end = climbed(world, WIDE)

    assert end.notes == ("left out, cannot be had as a wheel: extra",)
    assert end.lock is not None
    assert [pin.name for pin in end.lock.wheels] == ["pytest"]


def test_when_nothing_resolves_the_reason_says_so() -> None:
    world = Written(lambda *_: seen(tests=1), absent=frozenset({"pytest"}))

    end = climbed(world, TESTS)

    assert end.lock is None
    assert end.reason.startswith("unresolvable: Because pytest was not found")


def test_a_leaking_wheel_is_left_out_and_named() -> None:
    world = Written(lambda *_: seen(tests=1), leaking={"extra": "own distribution"})

    end = climbed(world, WIDE)

    assert end.leaks == ("extra new: own distribution",)
    assert end.lock is not None
    assert [pin.name for pin in end.lock.wheels] == ["pytest"]


def test_tests_that_need_a_leaking_wheel_fail_for_that_reason() -> None:
    world = Written(lambda *_: seen(broken="x", missing=("own",)), leaking={"extra": "vendored"})

    end = climbed(world, WIDE)

    assert end.lock is None
    assert "left out as leaks: extra new: vendored" in end.reason


def test_refused_arguments_bring_the_plugin_first() -> None:
    def answer(names: frozenset[str], _: str, args: tuple[str, ...]) -> TestRunReport:
        known = "pytest-cov" in names or args == NO_ADDOPTS
        return seen(tests=1) if known else seen(detail="unrecognized arguments: --cov=own")

    end = climbed(Written(answer), TESTS)

    assert (end.rung, end.test_args) == ("tests", ())
    assert end.notes == ("plugins added: pytest-cov",)


def test_arguments_that_no_plugin_explains_are_switched_off() -> None:
    def answer(_: frozenset[str], __: str, args: tuple[str, ...]) -> TestRunReport:
        return seen(tests=1) if args else seen(detail="unrecognized arguments: --odd")

    assert climbed(Written(answer), TESTS).test_args == NO_ADDOPTS


def test_some_files_that_never_collect_do_not_lose_the_others() -> None:
    end = climbed(Written(lambda *_: seen(tests=4, broken="SyntaxError")), TESTS, DATED)

    assert (end.rung, end.reason) == ("tests (partial)", "")
    assert end.lock is not None
    assert end.notes == ("cannot be collected: b.py: collection_failed: b.py: SyntaxError",)


@pytest.mark.parametrize(
    ("report", "module"),
    [
        (seen(broken="x", missing=("own",)), "own"),
        (seen(broken="ImportError: cannot import name 'native' from 'own' (/x)"), "own.native"),
    ],
)
def test_a_compiled_part_of_the_project_is_named_as_the_cause(
    report: TestRunReport, module: str
) -> None:
    world = Written(lambda *_: report)

    end = climbed(world, TESTS, DATED, native="maturin")

    assert end.reason.startswith(f"native_extension: {module} needs a compiled part (maturin); ")
    assert len(world.asked) == 1


def test_without_targets_the_first_lock_is_taken() -> None:
    assert climbed(Written(lambda *_: None), TESTS).rung == "tests (nothing to collect)"


def test_missing_modules_are_not_sought_for_ever() -> None:
    count = iter(range(99))
    world = Written(lambda *_: seen(broken="x", missing=(f"m{next(count)}",)))

    end = climbed(world, TESTS)

    assert end.lock is None
    assert len(world.asked) == 1 + PackagePolicy().missing_rounds


def test_a_file_of_a_later_syntax_ends_the_climb_at_once() -> None:
    world = Written(lambda *_: seen(broken="SyntaxError: invalid syntax (b.py, line 3)"))

    end = climbed(world, TESTS, DATED, WIDE)

    assert end.reason == "collection_failed: b.py: SyntaxError: invalid syntax (b.py, line 3)"
    assert len(world.asked) == 1


def test_a_syntax_error_elsewhere_may_be_a_wheels() -> None:
    world = Written(lambda *_: seen(broken="SyntaxError: invalid syntax (wheel.py, line 3)"))

    climbed(world, TESTS, DATED)

    assert len(world.asked) == 2


def test_targets_without_tests_still_give_an_environment() -> None:
    end = climbed(Written(lambda *_: seen()), TESTS, DATED)

    assert (end.rung, end.reason) == ("tests (nothing to collect)", "")
    assert end.lock is not None


def test_the_reason_is_that_of_the_attempt_that_came_furthest() -> None:
    world = Written(
        lambda names, *_: (
            seen(broken="NameError: x")
            if "extra" in names
            else seen(broken="no yaml", missing=("yaml",))
        )
    )

    assert climbed(world, TESTS, WIDE).reason == "collection_failed: b.py: NameError: x"
