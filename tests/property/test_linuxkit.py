"""What holds for every linuxkit.yml: nothing but an error with a place comes of what is wrong, and files merge associatively."""

import json
import tarfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base.errors import LoadError
from lkbuild.linuxkit.config import merge, read
from lkbuild.linuxkit.files import entries
from lkbuild.linuxkit.process import ImageSettings
from lkbuild.linuxkit.scalars import resolve
from lkbuild.linuxkit.schema import SETTINGS, Either, Flag, Many, Record, Table, Text, Whole
from lkbuild.linuxkit.specs import bundles, specs, warnings

ARCHIVE = Path(__file__).parents[1] / "conformance" / "linuxkit" / "corpus.tar.xz"
with tarfile.open(ARCHIVE) as archive:
    CORPUS = [archive.extractfile(name).read() for name in archive.getnames() if name.endswith((".yml", ".yaml"))]


def images(_reference, _position, label=""):
    return ImageSettings(label=label)


def taken(data):
    """All that is made of a file."""
    config = read(data, "a.yml")
    list(warnings(config))
    list(entries(config, lambda _: True))
    return specs(config, images)


MISTAKES = (b"", b":", b"- ", b"\n", b"&a ", b"*a", b"<<: ", b"'", b"{", b"]", b"0666", b"~", b"\xff", b"@pkg:x", b"!!int ")


def refusal(make):
    """The error that comes of it, or None."""
    try:
        make()
    except LoadError as error:
        return error
    return None


@given(st.sampled_from(CORPUS), st.data())
def test_a_file_with_a_mistake_is_taken_or_refused_at_a_place(text, data):
    at = data.draw(st.integers(0, len(text)))
    end = min(len(text), at + data.draw(st.integers(0, 12)))
    error = refusal(lambda: taken(text[:at] + data.draw(st.sampled_from(MISTAKES)) + text[end:]))
    assert error is None or error.position.line >= 1


TEXTS = ["", "a", "/a", "all", "CAP_KILL", "new", "/a:/b", "v:/b:ro", "nofile,1,2", "root", "s", "0666", "bind", "proc"]


def values(kind):
    """Values that a kind of field takes, and some that it does not."""
    texts = st.sampled_from(TEXTS)
    match kind:
        case Text():
            return texts
        case Whole() | Either():
            return st.sampled_from([0, 1, -1, 1 << 40]) | texts
        case Flag():
            return st.booleans()
        case Table():
            return st.dictionaries(texts, texts, max_size=2)
        case Many():
            return st.lists(values(kind.item), max_size=3)
        case Record():
            return st.fixed_dictionaries({}, optional={name: values(field) for name, field in kind.fields.items()})
    raise AssertionError(kind)


SETTINGS_OF_ANY_KIND = values(Record("", SETTINGS))


@given(SETTINGS_OF_ANY_KIND, SETTINGS_OF_ANY_KIND)
def test_any_entry_over_any_label_is_a_specification_or_an_error_with_a_place(entry, label):
    def labelled(reference, position):
        return images(reference, position, label=json.dumps(label))

    text = json.dumps({"services": [{"name": "s", "image": "i", **entry}], "volumes": [{"name": "v"}]})
    config = read(text.encode(), "a.yml") if refusal(lambda: read(text.encode(), "a.yml")) is None else None
    error = refusal(lambda: list(bundles(config, labelled))) if config else None
    assert error is None or error.position.line >= 1
    if config is None or error is not None:
        return
    (bundle,) = bundles(config, labelled)
    places = [mount["destination"] for mount in bundle.config["mounts"]]
    assert places == sorted(set(places))
    capabilities = bundle.config["process"]["capabilities"]
    assert set(capabilities.get("effective", ())) <= set(capabilities.get("bounding", ()))
    json.dumps([bundle.config, bundle.runtime])


@given(st.lists(st.sampled_from(CORPUS), min_size=3, max_size=3))
def test_merging_is_associative(texts):
    try:
        one, two, three = (read(text, f"{index}.yml") for index, text in enumerate(texts))
        whole = merge([one, two, three])
    except LoadError:
        return
    assert merge([merge([one, two]), three]) == whole == merge([one, merge([two, three])])


@given(st.text(st.sampled_from("0123456789+-._xobeEfaAintrue~")))
def test_a_scalar_is_something(text):
    resolve(text)
