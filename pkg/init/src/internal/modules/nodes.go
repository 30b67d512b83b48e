package modules

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Node is a device node through which a module is loaded when it is opened.
type Node struct {
	Path         string // below /dev
	Block        bool
	Major, Minor uint64
}

// ParseNodes reads modules.devname: "tun net/tun c10:200".
func ParseNodes(r io.Reader) []Node {
	var nodes []Node
	scan(r, func(line []byte) {
		fields := strings.Fields(string(line))
		if len(fields) != 3 || len(fields[2]) < 2 {
			return
		}
		major, minor, ok := strings.Cut(fields[2][1:], ":")
		a, errA := strconv.ParseUint(major, 10, 12)
		b, errB := strconv.ParseUint(minor, 10, 20)
		if ok && errA == nil && errB == nil {
			nodes = append(nodes, Node{Path: fields[1], Block: fields[2][0] == 'b', Major: a, Minor: b})
		}
	})
	return nodes
}

// Device is the node's number, as mknod(2) takes it.
func (n Node) Device() uint64 { return n.Minor&0xff | n.Major<<8 | n.Minor&^0xff<<12 }

// MakeNodes makes these nodes in dev, for root only. The kernel then asks for
// the module (char-major-10-200) at the first open.
func (t *Tree) MakeNodes(dev string) error {
	const private = 0o600
	if t == nil {
		return nil
	}
	var all []error
	t.read("modules.devname", func(r io.Reader) {
		for _, n := range ParseNodes(r) {
			path := filepath.Join(dev, n.Path)
			kind := uint32(syscall.S_IFCHR)
			if n.Block {
				kind = syscall.S_IFBLK
			}
			err := os.MkdirAll(filepath.Dir(path), 0o755)
			if err == nil {
				err = syscall.Mknod(path, kind|private, int(n.Device()))
			}
			if err != nil && !os.IsExist(err) {
				all = append(all, &os.PathError{Op: "mknod", Path: path, Err: err})
			}
		}
	})
	return errors.Join(all...)
}
