"""Locks and resolution of random archives, against what Debian policy asks of any answer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lkbuild.base.errors import LockError
from lkbuild.locks.deb.index import Index
from lkbuild.locks.deb.options import CONFLICTING, HARD
from lkbuild.locks.deb.resolve import resolve
from lkbuild.model.deb_lock import DebEntry, DebLock, closure, format_lock, parse_lock

NAMES = [f"p{letter}" for letter in "abcdefgh"]
VERSIONS = ["1", "2", "2~rc1"]
hexadecimal = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def locks(draw):
    entries = {}
    for arch in draw(st.lists(st.sampled_from(["amd64", "arm64"]), unique=True)):
        names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
        entries[arch] = {
            name: DebEntry(
                arch=arch,
                name=name,
                version=draw(st.from_regex(r"(?:[0-9]:)?[0-9][0-9a-z.+~]*", fullmatch=True)),
                path=f"pool/main/{name}_{arch}.deb",
                size=draw(st.integers(0, 1 << 40)),
                sha256=draw(hexadecimal),
                deps=tuple(sorted(draw(st.sets(st.sampled_from(names))))),
            )
            for name in sorted(names)
        }
    date = draw(st.datetimes()).strftime("2%y-%m-%dT%H:%M:%SZ")
    return DebLock(suite="trixie", components=("main", "contrib"), date=date, recommends=draw(st.booleans()), entries=entries)


def plain(lock):
    return [[str(entry) for entry in by_name.values()] for _, by_name in sorted(lock.entries.items())]


@settings(deadline=None)
@given(locks())
def test_a_lock_is_what_its_text_reads_as(lock):
    text = format_lock(lock)
    read = parse_lock(text)
    assert plain(read) == plain(lock)
    assert (read.suite, read.components, read.date, read.recommends) == (lock.suite, lock.components, lock.date, lock.recommends)
    assert format_lock(read) == text


@settings(deadline=None)
@given(locks(), st.data())
def test_a_closure_is_closed_minimal_and_has_no_package_twice(lock, data):
    for arch, entries in lock.entries.items():
        roots = data.draw(st.lists(st.sampled_from(sorted(entries)), min_size=1))
        found = closure(parse_lock(format_lock(lock)), arch, roots)
        names = [entry.name for entry in found]
        reached, todo = set(), list(roots)
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo.extend(entries[name].deps)
        assert len(names) == len(set(names))
        assert set(names) == reached


@settings(deadline=None)
@given(locks(), st.data())
def test_a_closure_of_a_lock_without_cycles_lists_each_package_before_what_it_needs(lock, data):
    for arch, entries in lock.entries.items():
        forward = {
            name: DebEntry(**{**_fields(entry), "deps": tuple(dep for dep in entry.deps if dep > name)}) for name, entry in entries.items()
        }
        straight = DebLock(**{**_lock_fields(lock), "entries": {arch: forward}})
        names = [entry.name for entry in closure(straight, arch, data.draw(st.permutations(sorted(forward))))]
        assert all(names.index(name) < names.index(dep) for name in names for dep in forward[name].deps)


def _fields(entry):
    return {name: getattr(entry, name) for name in DebEntry.__slots__}


def _lock_fields(lock):
    return {name: getattr(lock, name) for name in DebLock.__slots__}


@st.composite
def relations(draw):
    name = draw(st.sampled_from([*NAMES, "virtual", "gone"]))
    operator = draw(st.sampled_from(["", "", "", "<<", "<=", "=", ">=", ">>"]))
    return f"{name} ({operator} {draw(st.sampled_from(VERSIONS))})" if operator else name


@st.composite
def archives(draw):
    index = Index("amd64")
    groups = st.lists(st.lists(relations(), min_size=1, max_size=3).map(" | ".join), max_size=3).map(", ".join)
    for name in NAMES:
        for version in draw(st.lists(st.sampled_from(VERSIONS), unique=True, min_size=1, max_size=2)):
            fields = {
                "Depends": draw(groups),
                "Conflicts": draw(st.lists(relations(), max_size=1).map(", ".join)),
                "Provides": draw(st.sampled_from(["", "", "virtual", "virtual (= 2)"])),
            }
            written = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
            rest = f"Filename: pool/{name}.deb\nSize: 1\nSHA256: {'0' * 64}\n"
            index.add([f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n{written}{rest}".encode()])
    return index


def offers(package, relation):
    if package.name == relation.name and relation.admits(package.version):
        return True
    provided = [group[0] for group in package.groups("Provides")]
    return any(item.name == relation.name and relation.admits(item.version) for item in provided)


def reach(resolved, root):
    seen, todo = set(), [root]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(resolved.deps[name])
    return [resolved.packages[name] for name in sorted(seen)]


@settings(deadline=None)
@given(archives(), st.sampled_from(NAMES))
def test_a_closure_meets_every_dependency_and_holds_no_conflict(index, root):
    try:
        resolved = resolve(index, [root])
    except LockError:
        return
    packages = reach(resolved, root)
    assert {package.name for package in packages} == set(resolved.packages)
    for package in packages:
        for group in package.groups(*HARD):
            assert any(offers(other, relation) for relation in group for other in packages)
        for group in package.groups(*CONFLICTING):
            assert not any(offers(other, relation) for relation in group for other in packages if other.name != package.name)


def solvable(index, root):
    """Brute force: is there any set of packages, one version a name, that holds the root and meets the policy?"""
    every = [(None, *index.versions(name)) for name in NAMES]

    def search(position, chosen):
        if position == len(every):
            return any(package.name == root for package in chosen) and consistent(chosen)
        return any(search(position + 1, [*chosen, option] if option else chosen) for option in every[position])

    def consistent(chosen):
        for package in chosen:
            if not all(any(offers(other, relation) for relation in group for other in chosen) for group in package.groups(*HARD)):
                return False
            barred = [relation for group in package.groups(*CONFLICTING) for relation in group]
            if any(offers(other, relation) for relation in barred for other in chosen if other.name != package.name):
                return False
        return True

    return search(0, [])


@settings(deadline=None)
@given(archives(), st.sampled_from(NAMES))
def test_an_archive_is_refused_only_where_no_answer_exists(index, root):
    try:
        resolve(index, [root])
    except LockError:
        assert not solvable(index, root)
