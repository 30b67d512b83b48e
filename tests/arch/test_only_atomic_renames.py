"""Durability, processes, sockets and the environment are each in one place."""

import ast

DURABLE = ("lkbuild/base/atomic.py", "lkbuild/store/")
#: What it renames has no content that anybody will read.
SPARES = "lkbuild/execution/spares.py"
SANDBOX = ("lkbuild/sandbox/",)
FAST_PATH = ("lkbuild/base/file_stats.py",)  # lkbuild-unchanged, which is lkbuild's own and stats files
NETWORK = ("lkbuild/fetch/", "lkbuild/remote/", "lkbuild/clouds/")
LAUNCHER = ("lkbuild/sandbox/launched.py",)  # a pair of connected sockets: descriptors are handed over
RESIDENT = ("lkbuild/base/resident_protocol.py", "lkbuild/app/watching/server.py", "lkbuild/cli/ask.py")
EDGE = ("lkbuild/cli/", "lkbuild/app/")


def _dotted(node):
    """`os.replace` of an attribute of a plain name, or None."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return None


def _uses(modules, wanted, allowed):
    return [
        f"{module.path}:{node.lineno} {dotted}"
        for module in modules
        if not module.path.startswith(allowed)
        for node in ast.walk(module.tree)
        if (dotted := _dotted(node)) in wanted
    ]


def _imports(modules, wanted, allowed):
    found = []
    for module in modules:
        if module.path.startswith(allowed):
            continue
        for node in ast.walk(module.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{module.path} {name}" for name in names if name.partition(".")[0] in wanted]
    return found


def _path_renames(modules, allowed):
    """`path.rename(x)` and `path.replace(x)`: a string's replace takes two arguments, a dataclass's keywords."""
    return [
        f"{module.path}:{node.lineno}"
        for module in modules
        if not module.path.startswith(allowed)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("rename", "replace")
        and len(node.args) == 1
        and not node.keywords
    ]


def test_only_the_store_and_atomic_files_rename_and_sync(engine):
    assert not _uses(engine, {"os.replace", "os.renames", "os.fsync", "os.fdatasync", "os.sync"}, DURABLE)
    assert not _uses(engine, {"os.rename"}, (*DURABLE, SPARES))
    assert not _path_renames(engine, DURABLE)


def test_only_the_sandbox_starts_processes(engine):
    assert not _imports(engine, {"subprocess", "pty", "multiprocessing"}, SANDBOX)
    calls = {"os.system", "os.popen", "os.fork", "os.execv", "os.execve", "os.execvp", "os.execvpe", "os.posix_spawn", "os.posix_spawnp"}
    assert not _uses(engine, calls, (*SANDBOX, *FAST_PATH))


def test_only_fetch_remote_and_the_resident_process_open_sockets(engine):
    assert not _imports(engine, {"socket", "_socket"}, (*NETWORK, *RESIDENT, *LAUNCHER))
    assert not _imports(engine, {"urllib3", "http", "ssl", "requests", "httpx"}, NETWORK)


def test_grpc_is_imported_by_one_module_and_only_when_it_calls(engine):
    assert set(_imports(engine, {"grpc"}, ())) == {"lkbuild/remote/channel.py grpc"}
    channel = next(module for module in engine if module.path == "lkbuild/remote/channel.py")
    assert not [node for node in channel.tree.body if isinstance(node, ast.Import) and node.names[0].name == "grpc"]


def test_cryptography_is_imported_by_who_signs_or_checks_and_only_then(engine):
    signing = ("lkbuild/remote/signing.py", "lkbuild/remote/keyfile.py", "lkbuild/app/service/certificates.py")
    assert not _imports(engine, {"cryptography"}, signing)
    for module in engine:
        assert not [
            node for node in module.tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cryptography")
        ]


def test_the_environment_is_read_at_the_edge_only(engine):
    assert not _uses(engine, {"os.environ", "os.environb", "os.getenv"}, EDGE)


def test_only_the_entry_point_ends_the_process(engine):
    assert not _uses(engine, {"sys.exit", "os._exit", "os.abort"}, ("lkbuild/cli/main.py", "lkbuild/cli/signals.py"))


def test_nothing_is_printed_outside_of_the_command(engine):
    calls = [
        f"{module.path}:{node.lineno}"
        for module in engine
        if not module.path.startswith("lkbuild/cli/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls


def test_dataclasses_are_those_that_take_no_time_to_import(engine, rules):
    found = [
        module.path
        for module in (*engine, *rules)
        if module.path != "lkbuild/base/values.py" and "/tools/" not in module.path
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses" and "dataclass" in {alias.name for alias in node.names}
    ]
    assert not found
