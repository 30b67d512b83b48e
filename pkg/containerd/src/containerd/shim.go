package main

import (
	"context"

	"github.com/containerd/containerd/runtime/v2/runc/manager"
	_ "github.com/containerd/containerd/runtime/v2/runc/pause"
	_ "github.com/containerd/containerd/runtime/v2/runc/task/plugin"
	"github.com/containerd/containerd/runtime/v2/shim"
)

// shimMain runs containers by an OCI runtime, one process for each:
// containerd's own shim, without OpenTelemetry.
func shimMain() {
	keep(ofShim)
	shim.RunManager(context.Background(), manager.NewShimManager("io.containerd.runc.v2"))
}
