"""Tables: which distribution provides a module, an option or a setting of another name."""

from __future__ import annotations

import sys

MODULE_DISTRIBUTIONS = {
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "Crypto": "pycryptodome",
    "_pytest": "pytest",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "distutils": "setuptools<81",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "flask_sqlalchemy": "flask-sqlalchemy",
    "git": "gitpython",
    "google": "protobuf",
    "imp": "",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "markdown": "markdown",
    "mypy_extensions": "mypy-extensions",
    "nacl": "pynacl",
    "pkg_resources": "setuptools<81",
    "psycopg2": "psycopg2-binary",
    "pytest_asyncio": "pytest-asyncio",
    "pytest_benchmark": "pytest-benchmark",
    "pytest_cov": "pytest-cov",
    "pytest_mock": "pytest-mock",
    "ruamel": "ruamel-yaml",
    "serial": "pyserial",
    "setuptools": "setuptools<81",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "socks": "pysocks",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
    "zope": "zope-interface",
}
"""Where the names differ; elsewhere the module's name is the distribution's."""

OPTION_PLUGINS = {
    "--cov": "pytest-cov",
    "--cov-report": "pytest-cov",
    "--cov-config": "pytest-cov",
    "--no-cov": "pytest-cov",
    "--cov-fail-under": "pytest-cov",
    "--cov-branch": "pytest-cov",
    "-n": "pytest-xdist",
    "--numprocesses": "pytest-xdist",
    "--dist": "pytest-xdist",
    "--maxprocesses": "pytest-xdist",
    "--timeout": "pytest-timeout",
    "--timeout-method": "pytest-timeout",
    "--benchmark-disable": "pytest-benchmark",
    "--benchmark-skip": "pytest-benchmark",
    "--benchmark-columns": "pytest-benchmark",
    "--flake8": "pytest-flake8",
    "--mypy": "pytest-mypy",
    "--mypy-ini-file": "pytest-mypy-plugins",
    "--mypy-only-local-stub": "pytest-mypy-plugins",
    "--randomly-seed": "pytest-randomly",
    "--random-order": "pytest-random-order",
    "--reruns": "pytest-rerunfailures",
    "--asyncio-mode": "pytest-asyncio",
    "--html": "pytest-html",
    "--instafail": "pytest-instafail",
    "--disable-socket": "pytest-socket",
    "--allow-unix-socket": "pytest-socket",
    "--no-flaky-report": "flaky",
    "--ruff": "pytest-ruff",
    "--black": "pytest-black",
    "--isort": "pytest-isort",
}
"""Command-line options of pytest by the plugin that brings them."""

SETTING_PLUGINS = {
    "asyncio": "pytest-asyncio",
    "asyncio_default_fixture_loop_scope": "pytest-asyncio",
    "asyncio_mode": "pytest-asyncio",
    "trio": "pytest-trio",
    "trio_mode": "pytest-trio",
    "anyio": "anyio",
    "timeout": "pytest-timeout",
    "timeout_method": "pytest-timeout",
    "django_db": "pytest-django",
    "DJANGO_SETTINGS_MODULE": "pytest-django",
    "env": "pytest-env",
    "mock_use_standalone_module": "pytest-mock",
    "flaky": "flaky",
    "benchmark": "pytest-benchmark",
    "xdist_group": "pytest-xdist",
    "randomly_seed": "pytest-randomly",
    "mypy_plugins_config": "pytest-mypy-plugins",
    "subtests": "pytest-subtests",
    "freeze_time": "pytest-freezer",
    "doctestplus": "pytest-doctestplus",
    "doctest_plus": "pytest-doctestplus",
    "required_plugins": "",
}
"""Settings and markers by the plugin that knows them."""


def distribution_of(module: str) -> str:
    """Requirement that provides a top-level module; empty where none can.

    A module of the standard library that is missing was removed from it: no index has it.
    """
    if module in MODULE_DISTRIBUTIONS:
        return MODULE_DISTRIBUTIONS[module]
    if module in sys.stdlib_module_names or module.startswith("_"):
        return ""
    return module.replace("_", "-").lower()
