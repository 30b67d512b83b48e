// Package modules loads kernel modules: by name, by alias, and for every
// device that is there. It reads depmod's text files (modules.dep(5)) and
// takes modules uncompressed.
package modules

import (
	"bufio"
	"bytes"
	"io"
	"path"
	"strings"
)

// Deps maps a module's name to its file and the files it needs before it, as
// modules.dep gives them: paths relative to the directory, itself first.
type Deps map[string][]string

// Name is the module name of a file or an alias' target: no folder, no
// suffix, dashes as underscores (as the kernel itself names modules).
func Name(file string) string {
	base := path.Base(file)
	if i := strings.Index(base, ".ko"); i >= 0 {
		base = base[:i]
	}
	return strings.ReplaceAll(base, "-", "_")
}

// ParseDeps reads modules.dep.
func ParseDeps(r io.Reader) Deps {
	deps := Deps{}
	scan(r, func(line []byte) {
		file, rest, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			return
		}
		name := string(file)
		deps[Name(name)] = append([]string{name}, strings.Fields(string(rest))...)
	})
	return deps
}

// ParseNames reads modules.builtin: the names of what is in the kernel.
func ParseNames(r io.Reader) map[string]bool {
	names := map[string]bool{}
	scan(r, func(line []byte) { names[Name(string(line))] = true })
	return names
}

// Soft is what should be loaded before and after a module: names of modules,
// or aliases.
type Soft struct{ Pre, Post []string }

// ParseSoftdeps reads modules.softdep (modprobe.d(5)).
func ParseSoftdeps(r io.Reader) map[string]Soft {
	all := map[string]Soft{}
	scan(r, func(line []byte) {
		fields := strings.Fields(string(line))
		if len(fields) < 3 || fields[0] != "softdep" {
			return
		}
		soft := all[Name(fields[1])]
		var list *[]string
		for _, f := range fields[2:] {
			switch {
			case f == "pre:":
				list = &soft.Pre
			case f == "post:":
				list = &soft.Post
			case list != nil:
				*list = append(*list, f)
			}
		}
		all[Name(fields[1])] = soft
	})
	return all
}

// Match returns the modules that modules.alias has for any of the names (a
// device's modalias, or what the kernel asks for), in the file's order.
func Match(r io.Reader, names []string) []string {
	byBus := map[string][]string{}
	for _, n := range names {
		b := string(bus([]byte(n)))
		byBus[b] = append(byBus[b], n)
	}
	var found []string
	seen := map[string]bool{}
	scan(r, func(line []byte) {
		rest, ok := bytes.CutPrefix(line, []byte("alias "))
		if !ok {
			return
		}
		wanted := byBus[string(bus(rest))] // without an allocation: most lines end here
		if wanted == nil {
			return
		}
		pattern, module, _ := bytes.Cut(rest, []byte{' '})
		if seen[string(module)] {
			return
		}
		for _, n := range wanted {
			if Glob(string(pattern), n) {
				name := string(module)
				seen[name] = true
				found = append(found, name)
				return
			}
		}
	})
	return found
}

// bus is the part of an alias before its first colon, which no pattern of
// depmod's leaves open but for a star at its end (acpi): it sorts out most
// lines at little cost.
func bus(alias []byte) []byte {
	b, _, _ := bytes.Cut(alias, []byte{':'})
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		return nil // "alias fs-ext4 ext4": no bus
	}
	if len(b) == len(alias) {
		return nil
	}
	return bytes.TrimRight(b, "*") // alias acpi*:LNXPWRBN:* (scripts/mod/file2alias.c, do_acpi_entry)
}

func scan(r io.Reader, each func(line []byte)) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for s.Scan() {
		if line := s.Bytes(); len(line) > 0 && line[0] != '#' {
			each(line)
		}
	}
}
