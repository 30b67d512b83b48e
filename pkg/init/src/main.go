// Command init is PID 1 of lkbuild's images. What it does is in
// docs/format/image.md. Run as another process it is what an image may lack:
//
//	init poweroff|reboot|halt   asks PID 1 to end the machine
//	init -q -- NAME             what the kernel calls to load a module
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"lkbuild/init/internal/boot"
	"lkbuild/init/internal/modules"
)

const (
	heapGrowth  = 50       // per cent: a small heap is worth more than fast allocation
	memoryLimit = 24 << 20 // bytes, after which the collector works harder
	parallelism = 2
)

func main() {
	if os.Getpid() == 1 {
		debug.SetGCPercent(heapGrowth)
		debug.SetMemoryLimit(memoryLimit)
		runtime.GOMAXPROCS(min(parallelism, runtime.NumCPU()))
		boot.Run()
	}
	if err := tool(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		os.Exit(1)
	}
}

func tool(args []string) error {
	asked := map[string]syscall.Signal{"poweroff": syscall.SIGUSR2, "reboot": syscall.SIGTERM, "halt": syscall.SIGUSR1}
	if len(args) == 1 && asked[args[0]] != 0 {
		return syscall.Kill(1, asked[args[0]])
	}
	if len(args) == 3 && args[0] == "-q" && args[1] == "--" {
		return modules.Open("/").Request(args[2])
	}
	return fmt.Errorf("usage: init poweroff|reboot|halt, or init -q -- MODULE")
}
