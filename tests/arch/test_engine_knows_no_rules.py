"""The engine knows no rule by name: a rule's name as a string in lkbuild/ would be the beginning of a special case.

Words that are also plain English (`image`, `package`) count only where a string is that word alone. A name that another vocabulary
owns (the REAPI's, a folder's) is listed below with its reason.
"""

import ast

_IN_MEMORY = "`linuxkit build` makes the targets of a BUILD.yaml in memory, and names their rules as a BUILD.yaml would"
_CONVERTED = "the BUILD.yaml that `linuxkit convert` writes is a workspace's, and names rules as any does"
_FILE = "the file that a hypervisor loads, by its name"
_LINUXKITS = "a key of LinuxKit's YAML"
#: (file, name): why the string is not the rule.
ALLOWED: dict[tuple[str, str], str] = {
    ("lkbuild/app/init.py", "genrule"): "the first BUILD.yaml that init writes is a workspace's, and names a rule as any workspace does",
    ("lkbuild/syntax/complaints.py", "alias"): "YAML's alias (`*x`), in the words of its own specification",
    ("lkbuild/linuxkit/schema.py", "kernel"): _LINUXKITS,
    ("lkbuild/linuxkit/schema.py", "image"): _LINUXKITS,
    ("lkbuild/linuxkit/config.py", "kernel"): _LINUXKITS,
    ("lkbuild/linuxkit/config.py", "image"): _LINUXKITS,
    ("lkbuild/linuxkit/package.py", "image"): _LINUXKITS,
    ("lkbuild/linuxkit/specs.py", "image"): _LINUXKITS,
    ("lkbuild/app/linuxkit/build.py", "linuxkit_image"): _IN_MEMORY,
    ("lkbuild/app/linuxkit/build.py", "oci_lock"): _IN_MEMORY,
    ("lkbuild/app/linuxkit/convert.py", "image"): _LINUXKITS,
    ("lkbuild/linuxkit/convert.py", "linuxkit_image"): _CONVERTED,
    ("lkbuild/linuxkit/convert.py", "oci_lock"): _CONVERTED,
    ("lkbuild/linuxkit/metadata.py", "kernel"): _LINUXKITS,
    ("lkbuild/linuxkit/metadata.py", "image"): _LINUXKITS,
    ("lkbuild/app/elsewhere.py", "kernel"): _FILE,
    ("lkbuild/app/hypervisors/choose.py", "kernel"): _FILE,
    ("lkbuild/app/linuxkit/templates.py", "image"): "a key of a LinuxKit package's build.yml",
}


def _names(root):
    return {path.parent.name for path in (root / "rules").glob("*/rule.py")}


def _docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def _strings(tree):
    """String constants that are no documentation."""
    told = {id(node) for node in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node


def _mentions(text, name):
    """The string is the name, or holds it as a word that only a rule has (with an underscore: no English)."""
    if text == name:
        return True
    return "_" in name and name in text.replace("-", " ").replace("'", " ").replace("`", " ").split()


def test_there_are_rules_to_look_for(root):
    assert len(_names(root)) > 5


def test_no_string_of_the_engine_is_the_name_of_a_rule(engine, root):
    names = _names(root)
    found = {
        f"{module.path}:{node.lineno} {name}"
        for module in engine
        for node in _strings(module.tree)
        for name in names
        if _mentions(node.value, name) and (module.path, name) not in ALLOWED
    }
    assert not found


def test_no_exception_is_out_of_date(engine):
    texts = {module.path: module.text for module in engine}
    assert all(name in texts.get(path, "") for path, name in ALLOWED)


def test_the_check_finds_what_it_looks_for():
    tree = ast.parse('"""docs: boot_test"""\nif rule == "image" or hint("a boot_test target"):\n    pass')
    assert [name for node in _strings(tree) for name in ("image", "boot_test") if _mentions(node.value, name)] == ["image", "boot_test"]
