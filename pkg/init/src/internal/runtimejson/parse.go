// Package runtimejson does what the runtime section of a LinuxKit container
// asks for: mounts, directories and cgroups before the container is made,
// interfaces and kept namespaces once it is (reference: LinuxKit's
// docs/yaml.md, "runtime"). It does not know how containers are run.
package runtimejson

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Mount is an OCI mount; a relative destination lies in the container's root.
type Mount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

// Interface is a network interface to give to the container.
type Interface struct {
	Name         string `json:"name"`
	Add          string `json:"add"`
	Peer         string `json:"peer"`
	CreateInRoot bool   `json:"createInRoot"`
}

// Namespaces are paths to bind the container's namespaces on.
type Namespaces struct {
	Cgroup string `json:"cgroup"`
	IPC    string `json:"ipc"`
	Mnt    string `json:"mnt"`
	Net    string `json:"net"`
	Pid    string `json:"pid"`
	User   string `json:"user"`
	UTS    string `json:"uts"`
}

// Section is the content of runtime.json.
type Section struct {
	Cgroups    []string    `json:"cgroups"`
	Mounts     []Mount     `json:"mounts"`
	Mkdir      []string    `json:"mkdir"`
	Interfaces []Interface `json:"interfaces"`
	BindNS     Namespaces  `json:"bindNS"`
}

// Load reads the bundle's runtime.json; without one there is nothing to do.
func Load(bundle string) (Section, error) {
	data, err := os.ReadFile(filepath.Join(bundle, "runtime.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Section{}, nil
	}
	if err != nil {
		return Section{}, err
	}
	s, err := Parse(data)
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m Mount) bool {
		// LinuxKit's runtime.json makes the container's root, too. Here that is
		// done for every container (internal/container).
		return m.Destination == bundle+"/rootfs" || m.Destination == bundle+"/tmp"
	})
	return s, err
}

// Parse reads the text of a runtime.json.
func Parse(data []byte) (Section, error) {
	var s Section
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("runtime.json: %w", err)
	}
	for i, in := range s.Interfaces {
		if in.Name == "" {
			return s, fmt.Errorf("runtime.json: interface %d has no name", i)
		}
		if in.Peer != "" && in.Add == "" { // as LinuxKit takes it
			s.Interfaces[i].Add = "veth"
		}
	}
	return s, nil
}

// flags are the mount options that mount(2) takes as flags, as OCI runtimes
// read them; false: the option clears the flag.
var flags = map[string]struct {
	bit uintptr
	set bool
}{
	"async": {syscall.MS_SYNCHRONOUS, false}, "atime": {syscall.MS_NOATIME, false},
	"bind": {syscall.MS_BIND, true}, "rbind": {syscall.MS_BIND | syscall.MS_REC, true},
	"defaults": {0, true}, "dev": {syscall.MS_NODEV, false}, "diratime": {syscall.MS_NODIRATIME, false},
	"dirsync": {syscall.MS_DIRSYNC, true}, "exec": {syscall.MS_NOEXEC, false},
	"mand": {syscall.MS_MANDLOCK, true}, "noatime": {syscall.MS_NOATIME, true},
	"nodev": {syscall.MS_NODEV, true}, "nodiratime": {syscall.MS_NODIRATIME, true},
	"noexec": {syscall.MS_NOEXEC, true}, "nomand": {syscall.MS_MANDLOCK, false},
	"norelatime": {syscall.MS_RELATIME, false}, "nostrictatime": {syscall.MS_STRICTATIME, false},
	"nosuid": {syscall.MS_NOSUID, true}, "relatime": {syscall.MS_RELATIME, true},
	"remount": {syscall.MS_REMOUNT, true}, "ro": {syscall.MS_RDONLY, true}, "rw": {syscall.MS_RDONLY, false},
	"strictatime": {syscall.MS_STRICTATIME, true}, "suid": {syscall.MS_NOSUID, false},
	"sync": {syscall.MS_SYNCHRONOUS, true},
}

// propagations change a mount after it was made, by a call of their own.
var propagations = map[string]uintptr{
	"private": syscall.MS_PRIVATE, "rprivate": syscall.MS_PRIVATE | syscall.MS_REC,
	"shared": syscall.MS_SHARED, "rshared": syscall.MS_SHARED | syscall.MS_REC,
	"slave": syscall.MS_SLAVE, "rslave": syscall.MS_SLAVE | syscall.MS_REC,
	"unbindable": syscall.MS_UNBINDABLE, "runbindable": syscall.MS_UNBINDABLE | syscall.MS_REC,
}

// Options are a mount's options, sorted out for mount(2).
type Options struct {
	Flags       uintptr
	Propagation uintptr
	Data        string
	Dirs        []string // upperdir and workdir, which must exist
}

// ParseOptions sorts out OCI mount options.
func ParseOptions(options []string) Options {
	var out Options
	var data []string
	for _, o := range options {
		if f, ok := flags[o]; ok {
			if f.set {
				out.Flags |= f.bit
			} else {
				out.Flags &^= f.bit
			}
			continue
		}
		if p, ok := propagations[o]; ok {
			out.Propagation |= p
			continue
		}
		for _, key := range []string{"upperdir=", "workdir="} {
			if dir, ok := strings.CutPrefix(o, key); ok {
				out.Dirs = append(out.Dirs, dir)
			}
		}
		data = append(data, o)
	}
	out.Data = strings.Join(data, ",")
	return out
}
