package modules

import (
	"bytes"
	"os"
	"syscall"
)

const (
	kernelGroup   = 1 // kobject uevents that the kernel itself sends
	eventBuffer   = 16 << 10
	receiveBuffer = 1 << 20 // a bus that is scanned sends many at once
)

// Hotplug loads, from now on, the modules of devices that appear: those that
// are plugged in, and those that a driver finds only some time after it was
// loaded (disks of a SCSI host). It returns once it listens.
func (t *Tree) Hotplug() error {
	if t == nil {
		return nil
	}
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, syscall.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return os.NewSyscallError("uevent socket", err)
	}
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
	if err := syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: kernelGroup}); err != nil {
		syscall.Close(fd)
		return os.NewSyscallError("uevent bind", err)
	}
	go t.listen(fd)
	return nil
}

func (t *Tree) listen(fd int) {
	seen := map[string]bool{}
	buf := make([]byte, eventBuffer)
	for {
		n, from, err := syscall.Recvfrom(fd, buf, 0)
		if err == syscall.EINTR || err == syscall.ENOBUFS {
			continue
		}
		if err != nil {
			return
		}
		if peer, ok := from.(*syscall.SockaddrNetlink); !ok || peer.Pid != 0 {
			continue // not the kernel
		}
		if alias := addedAlias(buf[:n]); alias != "" && !seen[alias] {
			seen[alias] = true
			t.LoadAliases([]string{alias}) // drivers for what the machine lacks fail: no news
		}
	}
}

// addedAlias is the modalias of a uevent that says that a device was added:
// "add@/devices/...", then variables, each ended by a zero byte. Processors
// are left to ColdplugCPU.
func addedAlias(event []byte) string {
	if !bytes.HasPrefix(event, []byte("add@")) {
		return ""
	}
	for _, variable := range bytes.Split(event, []byte{0}) {
		if alias, ok := bytes.CutPrefix(variable, []byte("MODALIAS=")); ok && !bytes.HasPrefix(alias, []byte("cpu:")) {
			return string(alias)
		}
	}
	return ""
}
