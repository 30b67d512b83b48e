"""The builtins by name and version, imported when first used.

A version is raised when a builtin's bytes change, so that old results are not taken for new ones. Only the newest is kept. Knows
no target.
"""

from __future__ import annotations

import importlib
from typing import Final

from lkbuild.base.errors import AnalysisError, nearest
from lkbuild.execution.builtin_call import Builtin

#: name -> (version, module, function)
BUILTINS: Final[dict[str, tuple[int, str, str]]] = {
    "fetch": (1, "transfer", "fetch"),
    "concat": (1, "transfer", "concat"),
    "stamp": (1, "transfer", "stamp"),
    "deb_layer": (1, "layers", "deb_layer"),
    "layer": (1, "layers", "layer"),
    "tar_layer": (1, "layers", "tar_layer"),
    "merge_layers": (1, "layers", "merge"),
    "place_layers": (1, "layers", "place"),
    "cpio": (1, "layers", "cpio"),
    "oci_layer": (1, "oci", "layer"),
    "oci_layout": (1, "oci", "layout"),
    "oci_index": (1, "oci", "index"),
    "oci_archive": (1, "oci_archive", "oci_archive"),
    "archive_blob": (1, "oci_archive", "archive_blob"),
    "oci_root": (2, "oci_root", "oci_root"),
    "checked": (1, "oci_root", "checked"),
    "dockerfile": (1, "dockerfile", "dockerfile"),
    "oci_image_root": (1, "dockerfile", "image_root"),
    "layer_file": (1, "oci_root", "layer_file"),
    "deb_tree": (1, "trees", "deb_tree"),
    "archive_tree": (1, "trees", "archive_tree"),
}


def find_builtin(name: str, version: str) -> Builtin:
    """The function of a builtin. Raises AnalysisError where a rule asks for one that this lkbuild does not have."""
    entry = BUILTINS.get(name)
    if entry is None:
        raise AnalysisError(f"unknown builtin '{name}'", hint=nearest(name, BUILTINS))
    if version != str(entry[0]):
        raise AnalysisError(
            f"builtin '{name}' has version {entry[0]} here, a rule asks for {version}", hint="lkbuild and rules/ are of two ages"
        )
    module = importlib.import_module(f"{__package__}.{entry[1]}")
    function: Builtin = getattr(module, entry[2])
    return function
