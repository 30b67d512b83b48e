// Package container runs containers from their bundles, through an OCI
// runtime's command line (runc, crun). It makes their root file systems and
// does what runtime.json asks for. It does not know why or when they run.
package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"lkbuild/init/internal/mounts"
	"lkbuild/init/internal/proc"
	"lkbuild/init/internal/root"
	"lkbuild/init/internal/runtimejson"
)

const (
	stateDir  = "/run/lkbuild/runtime"
	writeDir  = "/run/lkbuild/containers"
	callLimit = 60 * time.Second // of one call of the runtime, by an ordinary machine
)

// Env is the environment of what init starts.
var Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=linux"}

// Runtime is an OCI runtime.
type Runtime struct {
	Path     string
	Procs    *proc.Table
	Patience time.Duration // times that, and what Exec's callers say
}

// Spec is a container to run.
type Spec struct {
	ID       string // to the runtime
	Bundle   string
	Layers   []string // topmost first
	ReadOnly bool
}

func (s Spec) rootfs() string   { return filepath.Join(s.Bundle, "rootfs") }
func (s Spec) writable() string { return filepath.Join(writeDir, s.ID) }

// Start makes the container and starts its process. The container's output
// goes to out, and the runtime's complaints. Remove must follow, whether it
// succeeds or not.
func (r Runtime) Start(s Spec, out *os.File) (*proc.Process, error) {
	section, err := runtimejson.Load(s.Bundle)
	if err != nil {
		return nil, err
	}
	if err := s.mountRoot(); err != nil {
		return nil, fmt.Errorf("root file system: %w", err)
	}
	if err := section.Prepare(s.rootfs()); err != nil {
		return nil, err
	}
	pidFile := filepath.Join(writeDir, s.ID+".pid")
	if err := r.call(out, "create", "--bundle", s.Bundle, "--pid-file", pidFile, s.ID); err != nil {
		return nil, err
	}
	pid, err := readPid(pidFile)
	if err != nil {
		return nil, err
	}
	// The process belongs to us once `create` has ended; it waits for `start`.
	p, err := r.Procs.Adopt(pid)
	if err != nil {
		return nil, err
	}
	if err := section.Attach(pid); err != nil {
		return nil, err
	}
	return p, r.call(out, "start", s.ID)
}

// Remove ends what is left of the container and unmounts its root.
func (r Runtime) Remove(s Spec, out *os.File) {
	if _, err := os.Stat(filepath.Join(stateDir, s.ID)); err == nil {
		r.call(out, "delete", "--force", s.ID)
	}
	os.Remove(filepath.Join(writeDir, s.ID+".pid"))
	if section, err := runtimejson.Load(s.Bundle); err == nil {
		section.Undo(s.rootfs())
	}
	mounts.Detach(s.rootfs())
	mounts.Detach(s.writable())
	os.Remove(s.writable())
}

// Exec runs a command in the container and tells whether it exited with 0.
func (r Runtime) Exec(id string, argv []string, limit time.Duration) bool {
	command := proc.Command{Argv: append(r.argv("exec", id), argv...), Env: Env, Dir: "/"}
	status, err := r.Procs.Run(command, limit*r.Patience)
	return err == nil && status.OK()
}

func (r Runtime) argv(args ...string) []string {
	return append([]string{r.Path, "--root", stateDir}, args...)
}

func (r Runtime) call(out *os.File, args ...string) error {
	command := proc.Command{Argv: r.argv(args...), Env: Env, Dir: "/", Stdout: out, Stderr: out}
	status, err := r.Procs.Run(command, callLimit*r.Patience)
	if err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(r.Path), args[0], err)
	}
	if !status.OK() {
		return fmt.Errorf("%s %s: exit %d", filepath.Base(r.Path), args[0], status.Exit)
	}
	return nil
}

func readPid(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// mountRoot mounts the container's root on its bundle's rootfs directory. Each
// start gets a new one.
func (s Spec) mountRoot() error {
	mounts.Detach(s.rootfs())
	overlay := mounts.Overlay{}
	for _, id := range s.Layers {
		overlay.Lower = append(overlay.Lower, layerDir(id))
	}
	if err := s.addWritable(&overlay); err != nil {
		return err
	}
	return overlay.Mount(s.rootfs())
}

// layerDir is where a layer lies: those of a LinuxKit image have no id but a
// path.
func layerDir(id string) string {
	if filepath.IsAbs(id) {
		return id
	}
	return filepath.Join(root.Layers, id)
}

// addWritable adds what lies on a tmpfs of the container's own: the upper
// directory, or the mount points that a read-only root would lack.
func (s Spec) addWritable(overlay *mounts.Overlay) error {
	if err := MountTmpfs(s.writable()); err != nil {
		return err
	}
	var err error
	if !s.ReadOnly {
		overlay.Upper, overlay.Work, err = upperAndWork(s.writable())
		return err
	}
	points := filepath.Join(s.writable(), "points")
	if err := os.Mkdir(points, 0o755); err != nil {
		return err
	}
	needed, err := makePoints(s.Bundle, points, overlay.Lower)
	if needed {
		overlay.Lower = append(overlay.Lower, points)
	}
	return err
}
