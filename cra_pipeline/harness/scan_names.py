"""Names that only somebody needs who steers the judge: data for ``scan_code``.

No list of this kind is complete: it names what was seen to work.
"""

from __future__ import annotations

JUDGES = frozenset({"pytest", "_pytest", "pluggy", "iniconfig"})
"""Whole packages that belong to the judge."""

_DOTTED = {
    "process_exit": (
        *("os._exit", "os.abort", "os.kill", "os.killpg", "signal.raise_signal"),
        *("os.execv", "os.execve", "os.execvp", "os.execvpe", "os.execl", "os.execlp"),
        *("atexit", "faulthandler"),
    ),
    "runtime_inspection": (
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents"),
        *("sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile"),
        *("sys.monitoring", "sys.addaudithook", "threading.settrace", "threading.setprofile"),
        *("inspect.stack", "inspect.currentframe", "inspect.getouterframes", "inspect.trace"),
        *("inspect.getinnerframes", "traceback.walk_stack", "traceback.extract_stack"),
    ),
    "native_memory": ("ctypes", "_ctypes", "cffi"),
    "descriptors": (
        *("os.write", "os.writev", "os.pwrite", "os.dup", "os.dup2", "os.closerange"),
        *("os.fdopen", "os.pwritev", "os.sendfile", "os.splice", "io.FileIO", "fcntl"),
    ),
    "import_system": (
        *("sys.meta_path", "sys.path_hooks", "sys.path_importer_cache", "builtins.__import__"),
        *("importlib.reload", "site.addsitedir", "site.addpackage"),
    ),
    "judge_process": ("__main__",),
    "code_in_data": (
        *("runpy", "code", "codeop", "marshal", "zipimport", "imp", "_imp", "shelve"),
        *("pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load", "dill.loads"),
        *("cloudpickle.load", "cloudpickle.loads", "_pickle.load", "_pickle.loads"),
        *("importlib.machinery.SourceFileLoader", "importlib.machinery.ExtensionFileLoader"),
        *("importlib.machinery.SourcelessFileLoader", "importlib.util.spec_from_file_location"),
        "importlib.util.spec_from_loader",
    ),
    "always_equal": ("unittest.mock.ANY", "mock.ANY"),
    "test_outcome": ("unittest.SkipTest", "unittest.case", "unittest.skip", "doctest"),
}
RULES = {name: rule for rule, names in _DOTTED.items() for name in names}
ATTRIBUTES = frozenset(
    {
        *("__subclasses__", "__globals__", "__closure__", "cell_contents", "tb_frame"),
        *("f_back", "f_globals", "f_locals", "f_builtins", "gi_frame", "cr_frame"),
    }
)
BUILTINS = frozenset({"exec", "eval", "compile", "__import__", "__builtins__", "breakpoint"})
EXITS = frozenset({"sys.exit", "exit", "quit", "SystemExit"})
TEXTS = {
    "/proc/": "descriptors",
    "PYTEST_CURRENT_TEST": "test_detection",
    "PYTEST_VERSION": "test_detection",
}
# Programs set these on modules of the library in honest work.
OWN_TO_SET = frozenset(
    {
        *("sys.stdout", "sys.stderr", "sys.stdin", "sys.excepthook", "sys.displayhook"),
        *("sys.path", "sys.argv", "sys.dont_write_bytecode", "sys.ps1", "sys.ps2"),
    }
)
PATCHED = frozenset({"builtins", "unittest", "os", "sys", "json", "hmac", "importlib", "io"})


STARRED = frozenset({"os", "sys", "gc", "inspect", "ctypes", "builtins", "pickle", "marshal"})
"""Modules of which nobody needs everything."""

MAKERS = frozenset({"types.FunctionType", "types.CodeType", "types.LambdaType"})
"""Types that make code when they are called; to compare with them is honest work."""

FRAME_NAMES = ATTRIBUTES | {"_getframe", "_current_frames", "get_objects", "get_referrers", "_exit"}
"""Names that reach the same things when they stand in a string."""
