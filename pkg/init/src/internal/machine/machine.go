// Package machine sets up what belongs to the whole machine, not to any
// container: names, limits, the loopback interface, the kernel's command line.
package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lkbuild/init/internal/link"
)

const (
	openFiles    = 1 << 20 // the kernel's own limit, fs.nr_open, by default
	mostPatience = 1000
)

// Cmdline is the kernel's command line, as words.
func Cmdline() []string {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// Patience is how many times as long as usual init waits for what may hang,
// from `lkbuild.patience=N`: on a slow machine, and an emulated one is, what
// takes long would be killed, start from its beginning, and take as long again.
func Patience(cmdline []string) time.Duration {
	for _, word := range cmdline {
		if text, ok := strings.CutPrefix(word, "lkbuild.patience="); ok {
			if n, err := strconv.Atoi(text); err == nil {
				return time.Duration(min(max(n, 1), mostPatience))
			}
		}
	}
	return 1
}

// Consoles are the devices of the consoles that the kernel writes to: all of
// them, since the one that is /dev/console may be a screen that nobody has. It
// is the last of the list (sysfs-tty), and is taken by that name: the end of a
// shell that runs there hangs up its terminal for all who opened it, but for
// those who opened /dev/console (__tty_hangup in tty_io.c).
func Consoles() []string {
	text, _ := os.ReadFile("/sys/class/tty/console/active")
	names := strings.Fields(string(text))
	var out []string
	for _, name := range names[:max(len(names)-1, 0)] {
		out = append(out, "/dev/"+name)
	}
	return append(out, "/dev/console")
}

// MakeResolver makes the file that /etc/resolv.conf of a LinuxKit image is a
// link to: its containers bind it before anything is known of the network.
func MakeResolver() error {
	target, err := os.Readlink("/etc/resolv.conf")
	if err != nil {
		return nil // no link, or none at all: nothing is to be made
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o644)
}

// Setup sets the host's name, limits and the loopback interface. What fails is
// gathered: none of it is worth a machine that does not boot.
func Setup(hostname string, cmdline []string) error {
	var all []error
	try := func(what string, err error) {
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", what, err))
		}
	}
	if hostname != "" {
		try("hostname", syscall.Sethostname([]byte(hostname)))
	}
	limit := syscall.Rlimit{Cur: openFiles, Max: openFiles}
	try("open files", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	try("core files", syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 0, Max: ^uint64(0)}))
	try("lo", link.Up("lo"))
	if !mentionsLogLevel(cmdline) {
		try("console log level", write("/proc/sys/kernel/printk", "4"))
	}
	// Ctrl-alt-del becomes a SIGINT to us: reboot(2).
	try("ctrl-alt-del", syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_OFF))
	return errors.Join(all...)
}

// mentionsLogLevel tells whether whoever booted the kernel asked for messages.
// If not, informational ones stay off the console: they would tear our lines.
func mentionsLogLevel(cmdline []string) bool {
	for _, word := range cmdline {
		if word == "debug" || word == "ignore_loglevel" || strings.HasPrefix(word, "loglevel=") {
			return true
		}
	}
	return false
}

// ServeModules makes the kernel ask this program for modules where the root
// has no modprobe.
func ServeModules() error {
	if _, err := os.Stat("/sbin/modprobe"); err == nil {
		return nil
	}
	return write("/proc/sys/kernel/modprobe", "/init")
}

// MemoryUsed is the memory in use, in KiB: all that the kernel has, less what
// it could give (MemAvailable, proc_meminfo(5)).
func MemoryUsed() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return field(string(text), "MemTotal:") - field(string(text), "MemAvailable:")
}

func field(text, name string) int64 {
	_, after, ok := strings.Cut(text, name)
	if !ok {
		return 0
	}
	words := strings.Fields(after)
	if len(words) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func write(path, value string) error { return os.WriteFile(path, []byte(value), 0) }
