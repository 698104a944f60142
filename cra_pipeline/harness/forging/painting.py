"""Forgers that paint results green from within the source, while the tests run.

They share the process with the report, so restoring files does not touch them. Those that paint
everything are betrayed by the sentinels, those that paint only the wanted tests by the scan.
"""

from __future__ import annotations

from cra_pipeline.harness.forging.target import Target, in_sources

_EVERY_REPORT = """\
import _pytest.reports as _reports
import _pytest.runner as _runner
import _pytest.unittest as _unittest

_call = _runner.CallInfo.from_call.__func__
_report = _reports.TestReport.from_item_and_call.__func__


def _green_call(cls, func, when, reraise=None):
    info = _call(cls, func, when, reraise)
    info.excinfo = None
    return info


def _green_report(cls, item, call):
    call.excinfo = None
    report = _report(cls, item, call)
    report.outcome = "passed"
    report.longrepr = None
    return report


_runner.CallInfo.from_call = classmethod(_green_call)
_reports.TestReport.from_item_and_call = classmethod(_green_report)
_unittest.TestCaseFunction._addexcinfo = lambda self, raw: None
"""

_WANTED_REPORTS = """\
import os as _os

import _pytest.runner as _runner
import _pytest.unittest as _unittest

_WANTED = {wanted!r}
_call = _runner.CallInfo.from_call.__func__
_add = _unittest.TestCaseFunction._addexcinfo


def _green_call(cls, func, when, reraise=None):
    running = _os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    info = _call(cls, func, when, reraise)
    if running in _WANTED:
        info.excinfo = None
    return info


def _green_add(self, raw):
    if self.nodeid not in _WANTED:
        _add(self, raw)


_runner.CallInfo.from_call = classmethod(_green_call)
_unittest.TestCaseFunction._addexcinfo = _green_add
"""

_REPLACED = """\
import types as _types


def _replace(namespace, owner, replacement):
    for name, value in list(namespace.items()):
        if name.startswith("_") or getattr(value, "__module__", "") != __name__:
            continue
        if isinstance(value, _types.FunctionType):
            setattr(owner, name, replacement) if owner else namespace.update({name: replacement})
        elif isinstance(value, type) and owner is None:
            _replace(dict(vars(value)), value, replacement)


"""

_EQUAL = """\
class _Same:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 0

    def __call__(self, *arguments, **options):
        return self

    def __getattr__(self, name):
        return self


_replace(globals(), None, lambda *arguments, **options: _Same())
"""

_XFAIL = """\
def _expected_failure(*arguments, **options):
    import pytest

    pytest.xfail("known")


_replace(globals(), None, _expected_failure)
"""


def patched_report_class(target: Target) -> dict[str, str]:
    """The classes behind calls and reports are patched: every test is green."""
    return in_sources(target, _EVERY_REPORT)


def rewritten_outcome(target: Target) -> dict[str, str]:
    """Only the wanted tests are painted green, at the moment at which they run."""
    return in_sources(target, _WANTED_REPORTS.format(wanted=target.expected()))


def always_equal_object(target: Target) -> dict[str, str]:
    """Every public function and method returns an object that equals everything."""
    return in_sources(target, _REPLACED + _EQUAL)


def xfail_from_inside(target: Target) -> dict[str, str]:
    """Every public function and method calls itself an expected failure."""
    return in_sources(target, _REPLACED + _XFAIL)
