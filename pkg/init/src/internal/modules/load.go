package modules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"lkbuild/init/internal/sys"
)

// Tree is the modules of the running kernel. Its methods may be called
// concurrently; those of a nil Tree do nothing.
type Tree struct {
	mu      sync.Mutex
	dir     string
	deps    Deps
	builtin map[string]bool
	soft    map[string]Soft
	loaded  map[string]bool
	insert  func(path string) error
}

// Open finds the running kernel's modules below root. It returns nil where
// there are none.
func Open(root string) *Tree {
	for _, dir := range []string{"lib/modules", "usr/lib/modules"} {
		full := filepath.Join(root, dir, sys.KernelRelease())
		f, err := os.Open(filepath.Join(full, "modules.dep"))
		if err != nil {
			continue
		}
		defer f.Close()
		t := &Tree{dir: full, deps: ParseDeps(f), loaded: map[string]bool{}, insert: sys.LoadModule}
		t.read("modules.builtin", func(r io.Reader) { t.builtin = ParseNames(r) })
		t.read("modules.softdep", func(r io.Reader) { t.soft = ParseSoftdeps(r) })
		return t
	}
	return nil
}

func (t *Tree) read(name string, parse func(io.Reader)) {
	if f, err := os.Open(filepath.Join(t.dir, name)); err == nil {
		defer f.Close()
		parse(f)
	}
}

// Load loads the module of that name with all it needs. What is built in or
// loaded already is no error.
func (t *Tree) Load(name string) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.load(Name(name))
}

func (t *Tree) load(name string) error {
	if t.builtin[name] {
		return nil
	}
	files, ok := t.deps[name]
	if !ok {
		return fmt.Errorf("module %s: %w", name, fs.ErrNotExist)
	}
	for i := len(files) - 1; i >= 0; i-- { // modules.dep: the deepest dependency is last
		if err := t.one(files[i]); err != nil {
			return err
		}
	}
	return nil
}

// one loads one module, with what its soft dependencies want before and after
// it: those of a dependency count as well, as they do for modprobe (libkmod,
// __kmod_module_get_probe_list).
func (t *Tree) one(file string) error {
	name := Name(file)
	if t.loaded[name] {
		return nil
	}
	t.loaded[name] = true // ends circles of soft dependencies
	t.wish(t.soft[name].Pre)
	if err := t.insert(filepath.Join(t.dir, file)); err != nil {
		delete(t.loaded, name)
		return err
	}
	t.wish(t.soft[name].Post)
	return nil
}

// wish loads what is there of some modules. A name may be that of what a
// module does ("crc32c", of crc32c_generic): an alias.
func (t *Tree) wish(names []string) {
	for _, name := range names {
		if err := t.load(Name(name)); errors.Is(err, fs.ErrNotExist) {
			for _, module := range t.match([]string{name}) {
				t.load(Name(module))
			}
		}
	}
}

func (t *Tree) match(aliases []string) (found []string) {
	t.read("modules.alias", func(r io.Reader) { found = Match(r, aliases) })
	return found
}

// LoadAliases loads every module that any of the aliases stands for. A device
// may refuse a module (there are drivers for what the machine lacks), so
// single failures are gathered, not final.
func (t *Tree) LoadAliases(aliases []string) error {
	if t == nil || len(aliases) == 0 {
		return nil
	}
	var all []error
	for _, module := range t.match(aliases) {
		if err := t.Load(module); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Request does what the kernel asks modprobe for: a module or an alias.
func (t *Tree) Request(name string) error {
	if err := t.Load(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return t.LoadAliases([]string{name})
}

// Coldplug loads the modules of all devices below sysfs' devices, again while
// they bring new devices with them (a PCI function, then its virtio device).
// Those of the processor's features (ciphers, mostly) are no devices' drivers
// and are left to ColdplugCPU.
func (t *Tree) Coldplug(devices string) error {
	const rounds = 6
	if t == nil {
		return nil
	}
	seen := map[string]bool{}
	var all []error
	for range rounds {
		fresh := modaliases(devices, seen, false)
		if len(fresh) == 0 {
			break
		}
		if err := t.LoadAliases(fresh); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// ColdplugCPU loads the modules of the processor's features.
func (t *Tree) ColdplugCPU(devices string) error {
	if t == nil {
		return nil
	}
	return t.LoadAliases(modaliases(filepath.Join(devices, "system/cpu"), map[string]bool{}, true))
}

// modaliases finds the devices' aliases that were not seen before: those of
// processors, or all others.
func modaliases(devices string, seen map[string]bool, cpus bool) []string {
	var fresh []string
	filepath.WalkDir(devices, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "modalias" {
			return nil // devices come and go while we look
		}
		text, err := os.ReadFile(path)
		alias := strings.TrimSpace(string(text))
		if err == nil && alias != "" && !seen[alias] && strings.HasPrefix(alias, "cpu:") == cpus {
			seen[alias] = true
			fresh = append(fresh, alias)
		}
		return nil
	})
	return fresh
}
