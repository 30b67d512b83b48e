# merge.awk: the fragments of one configuration -> what they ask for.
#
# Reads the fragments in order. Writes ALLCONFIG (Kconfig syntax, for KCONFIG_ALLCONFIG) and WANTED, a line per option:
# "file:line<TAB>name<TAB>value". Two fragments that ask for different values are an error that names both, unless the comment of the later line
# starts with "override:"; then the later wins. It does not know which options exist: check.c asks the kernel's own Kconfig that.
#
# A line is: CONFIG_NAME=value, `# CONFIG_NAME is not set` (the same as =n), a comment or nothing; a comment may follow a value.
# Values: y, m, n, a number (decimal or 0x hexadecimal), or "text" with \" and \\ as in Kconfig.

function fail(what) { printf "%s:%d: %s\n", FILENAME, FNR, what > "/dev/stderr"; failed = 1 }

function take(name, value, override,    at) {
    at = FILENAME ":" FNR
    if (name in values) {
        if (values[name] == value) return
        if (!override) {
            printf "%s: CONFIG_%s=%s contradicts %s, which asks for %s\n", at, name, value, places[name], values[name] > "/dev/stderr"
            printf "  hint: let one of them go, or say why this one wins: CONFIG_%s=%s  # override: <reason>\n", name, value > "/dev/stderr"
            failed = 1
            return
        }
    } else order[++count] = name
    values[name] = value
    places[name] = at
}

{ sub(/\r$/, "") }
/^[ \t]*$/ { next }
/^# CONFIG_[A-Za-z0-9_]+ is not set[ \t]*$/ { take(substr($2, 8), "n", 0); next }
/^[ \t]*#/ { next }
{
    line = $0
    if (!match(line, /^CONFIG_[A-Za-z0-9_]+=/)) { fail("expected CONFIG_NAME=value, a comment or an empty line, not: " $0); next }
    name = substr(line, 8, RLENGTH - 8)
    line = substr(line, RLENGTH + 1)
    if (!match(line, /^("([^"\\]|\\.)*"|[ymn]|-?[0-9]+|0[xX][0-9A-Fa-f]+)([ \t]|$)/)) {
        fail("CONFIG_" name ": the value must be y, m, n, a number or a quoted text, not: " line); next
    }
    value = substr(line, 1, RLENGTH)
    line = substr(line, RLENGTH + 1)
    sub(/[ \t]+$/, "", value)
    sub(/^[ \t]+/, "", line)
    if (line != "" && line !~ /^#/) { fail("CONFIG_" name ": only a comment may follow the value, not: " line); next }
    take(name, value, line ~ /^#[ \t]*override:/)
}
END {
    if (failed) exit 1
    printf "" > ALLCONFIG
    printf "" > WANTED
    for (i = 1; i <= count; i++) {
        name = order[i]
        if (values[name] == "n") printf "# CONFIG_%s is not set\n", name > ALLCONFIG
        else printf "CONFIG_%s=%s\n", name, values[name] > ALLCONFIG
        printf "%s\t%s\t%s\n", places[name], name, values[name] > WANTED
    }
}
