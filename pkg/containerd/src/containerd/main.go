// Command containerd is containerd's server and its shim for runc as one
// program, from Debian's library package, with the plugins that an image uses
// and no others: no CRI, no NRI, no snapshotters but overlay and native, no
// cgroup metrics, no trace exporters. Most of the two is the same libraries,
// which are in an image, and in memory, once.
//
// By the name containerd-shim-runc-v2 it is the shim. A shim starts another
// one by its file's name (os.Executable), which is that of what a link leads
// to; so the flag that every shim is started with says it, too.
package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/plugin"
)

func main() {
	if isShim(os.Args) {
		shimMain()
		return
	}
	daemonMain()
}

func isShim(args []string) bool {
	return strings.HasPrefix(filepath.Base(args[0]), "containerd-shim-") || len(args) > 1 && args[1] == "-namespace"
}

// keep leaves those plugins alone that are wanted: each of the two programs
// starts whatever is registered. A registration stays disabled once a filter
// has said so (plugin.Graph).
func keep(wanted func(*plugin.Registration) bool) {
	plugin.Graph(func(r *plugin.Registration) bool { return !wanted(r) })
}

// ofShim tells the shim's plugins from the daemon's, none of which is served
// by a shim's socket.
func ofShim(r *plugin.Registration) bool { return r.Type == plugin.TTRPCPlugin && (r.ID == "task" || r.ID == "pause") }
