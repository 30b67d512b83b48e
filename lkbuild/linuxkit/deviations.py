"""Where lkbuild does not do what LinuxKit does with a linuxkit.yml, and why. Data: docs/reference/linuxkit.md is written from it.

tests/unit/linuxkit/test_deviations.py has a test for each by its name, and the conformance tests name those that a case shows.
"""

from __future__ import annotations

from typing import Final

from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One difference. `linuxkit`: what LinuxKit does; `lkbuild`: what is done here; `reason`: why."""

    name: str
    linuxkit: str
    lkbuild: str
    reason: str


DEVIATIONS: Final = (
    Deviation(
        name="volume as a mount's source",
        linuxkit="`mounts:` with `type: bind` and a volume's name as `source:` keeps the name, which is no path at boot.",
        lkbuild="The source becomes `/containers/volumes/<name>/merged`, as it does in `binds:`. So it does in the label of an image.",
        reason="LinuxKit checks the volume and then changes a copy. The container does not start, or mounts a relative path.",
    ),
    Deviation(
        name="volumes of several files",
        linuxkit="Of the volumes that merged files declare, containers find those of the last file only.",
        lkbuild="They find all. A volume that two files declare alike is one; declared differently it is an error.",
        reason="What `a.yml b.yml` means would depend on which of them declares the volume.",
    ),
    Deviation(
        name="fields with a capital letter",
        linuxkit="""Fields of `resources:` (`kernelTCP`, `disableOOMKiller`, `realtimeRuntime`, `realtimePeriod`, `leafWeight`,
            `weightDevice`, the `throttle...` ones, `hugepageLimits`, `classID`) and of id mappings (`hostID`, `containerID`) pass the
            schema and are dropped.""",
        lkbuild="They are in config.json as they are written. A value that the OCI specification has no room for is an error.",
        reason="A limit that is not set is not noticed; a mapping without `hostID` maps root of the container to root of the host.",
    ),
    Deviation(
        name="page sizes",
        linuxkit="`hugepageLimits: [{pageSize: 2097152}]`: the schema wants a number of bytes, and the value is dropped.",
        lkbuild="The number becomes the OCI specification's text: `2MB`.",
        reason="It is what the specification and runc call that size.",
    ),
    Deviation(
        name="id mappings of mounts",
        linuxkit="`uidmappings:` and `gidmappings:` of `mounts:` pass the schema and are dropped.",
        lkbuild="They are in config.json.",
        reason="The mount would be without the mapping that was asked for.",
    ),
    Deviation(
        name="capabilities that are added",
        linuxkit="`capabilities.add` repeats what the label has; with a label of `all` or `none` it is an error.",
        lkbuild="Each capability is there once; `all` and `none` mean the same on either side.",
        reason="The list is a set.",
    ),
    Deviation(
        name="texts that start with @",
        linuxkit="A text that starts with `@` and is no `@pkg:` becomes the empty text.",
        lkbuild="It stays as it is.",
        reason="Nothing says that `@` is special; the value is lost without a word.",
    ),
    Deviation(
        name="templates that can't be resolved",
        linuxkit="`@pkg:<path>` of which the package can't be found stays as it stands, and fails later as a name.",
        lkbuild="An error at its place says what is missing. On standard input there is no folder that a path could be relative to.",
        reason="The cause is shown, not the consequence.",
    ),
    Deviation(
        name="folded text",
        linuxkit="""The file is written anew before it is read, and text in block style suffers: folded text (`>`) gets an empty line before
            each line that is further in, and `>+` one at its end; text (`|`) loses an empty line at its start, and as an item of a
            list it is a syntax error then.""",
        lkbuild="It is the text that YAML says it is.",
        reason="It is an accident of a library; no other reader of the file sees that text.",
    ),
    Deviation(
        name="tags",
        linuxkit="""A tag that YAML does not know (`!name`) is overlooked; a scalar with it, or with `!!binary` or `!!timestamp`, is taken
            as text.""",
        lkbuild="It is an error.",
        reason="Whoever writes a tag believes that it does something.",
    ),
    Deviation(
        name="ids out of range",
        linuxkit="A negative `uid`, a device's negative `mode`, or a `uid` above 4294967295, is wrapped to 32 bits.",
        lkbuild="It is an error.",
        reason="`-1` would become an id that no process can have.",
    ),
    Deviation(
        name="read-only binds with more options",
        linuxkit="A read-only volume may be bound with the option `ro` alone: `ro,nosuid` is an error.",
        lkbuild="It may be bound with any options in which `ro` stands before `rw`, as LinuxKit itself allows in `mounts:`.",
        reason="Nothing is written to the volume.",
    ),
    Deviation(
        name="read-only volumes",
        linuxkit="A volume with `readonly: true` gets the folder `tmp` all the same, by which init takes it for one that can be written.",
        lkbuild="It gets none, so that init mounts it read-only.",
        reason="It says so.",
    ),
    Deviation(
        name="files of volumes",
        linuxkit="An image that fills a volume gets `dev`, `proc`, `sys`, `etc/hosts`, `etc/mtab` and `etc/resolv.conf` too.",
        lkbuild="A volume holds what the image holds.",
        reason="It is data, and no root file system.",
    ),
    Deviation(
        name="modules and links",
        linuxkit="What the kernel's archive has in `lib/modules` replaces the link `/lib` of an init image by a folder of its own.",
        lkbuild="It goes where the link leads, `/usr/lib/modules`. So do `files:`.",
        reason="A root with a merged /usr, as Debian's, loses its C library.",
    ),
    Deviation(
        name="microcode that is missing",
        linuxkit="`ucode:` with the name of a file that the kernel's image does not have is overlooked.",
        lkbuild="Building is an error; `spec` prints what there is to print.",
        reason="A processor without the microcode that was asked for shows in no test.",
    ),
    Deviation(
        name="directories of files",
        linuxkit="""`files: [{path: etc/foo}]` also writes `etc`, with a mode made from the file's (0700) and its owner, over that of the
            init images.""",
        lkbuild="A directory that is there keeps its mode and owner, unless `directory: true` names it. A new one is as in LinuxKit.",
        reason="One file with mode 0600 locks all but root out of /etc.",
    ),
    Deviation(
        name="files without a name",
        linuxkit="""A `path:` of `files:` is written as it stands: `/` has an empty name, `../x` is above the root, and `etc/` with empty
            contents is a directory.""",
        lkbuild="These are errors. Any other path means the same however it is written: `etc//x/` is `etc/x`.",
        reason="What comes of the first depends on who unpacks it; the last is what `directory: true` is for.",
    ),
    Deviation(
        name="characters",
        linuxkit="""U+0085, U+2028 and U+2029 may stand in a file as they are. In double quotes `\\/` is an error, as is `%YAML 1.2` on
            the first line.""",
        lkbuild='Write these characters as escapes (`"\\u2028"`). `\\/` is a slash, as in JSON, and `%YAML 1.2` says what is so anyhow.',
        reason="They are line breaks to some readers of YAML and none to others.",
    ),
    Deviation(
        name="sources",
        linuxkit="`source:` of a file is relative to the folder where the command runs.",
        lkbuild="It is relative to the file that names it; only where nothing is there, to the folder where the command runs.",
        reason="A configuration means the same wherever it is built from.",
    ),
    Deviation(
        name="what is not read",
        linuxkit="""`trust:` (without effect since 2021), a second document in a file, and a namespace that is neither a word nor a path
            pass silently.""",
        lkbuild="They pass, with a warning at their place.",
        reason="Who wrote them believes that they do something.",
    ),
    Deviation(
        name="addresses",
        linuxkit="A configuration may be named by its URL, and is fetched.",
        lkbuild="It is refused: download it.",
        reason="What comes from outside is locked by its digest.",
    ),
)
