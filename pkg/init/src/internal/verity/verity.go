// Package verity opens a device whose every block is checked against one
// digest, by the kernel's dm-verity. It speaks the device mapper's ioctls
// (include/uapi/linux/dm-ioctl.h), and knows where the hash tree lies: directly
// behind the data, its top first. It does not know what the data is.
package verity

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const (
	control = "/dev/mapper/control"
	name    = "lkbuild-root"

	block   = 4096 // of data, and of hashes
	sectors = block / 512

	// _IOWR(DM_IOCTL, command, struct dm_ioctl)
	request   = 0xc138fd00
	devCreate = 3
	devResume = 6 // DM_DEV_SUSPEND, without the flag that says so
	tableLoad = 9

	headerSize = 312
	targetSize = 40
	readOnly   = 1
)

// Root is what a root's content is known by.
type Root struct {
	Hash   string // of the hash tree's top, in hexadecimal
	Blocks uint64 // of data
}

// Parse reads HASH,BLOCKS.
func Parse(text string) (Root, error) {
	hash, count, _ := strings.Cut(text, ",")
	blocks, err := strconv.ParseUint(count, 10, 64)
	if raw, hexErr := hex.DecodeString(hash); hexErr != nil || len(raw) != sha256.Size || err != nil || blocks == 0 {
		return Root{}, fmt.Errorf("lkbuild.verity=%s is not HASH,BLOCKS", text)
	}
	return Root{Hash: hash, Blocks: blocks}, nil
}

// IsOn tells whether the device has the top of this root's hash tree where it
// belongs. What lies below it is checked when it is read.
func (r Root) IsOn(device string) bool {
	f, err := os.Open(device)
	if err != nil {
		return false
	}
	defer f.Close()
	top := make([]byte, block)
	if _, err := f.ReadAt(top, int64(r.Blocks)*block); err != nil {
		return false
	}
	sum := sha256.Sum256(top)
	return hex.EncodeToString(sum[:]) == r.Hash
}

// Open makes the checked device and gives its path. A block that is not what
// it was can't be read from it (EIO).
func (r Root) Open(device string) (string, error) {
	f, err := os.OpenFile(control, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	// Documentation/admin-guide/device-mapper/verity.rst; no salt.
	table := fmt.Sprintf("1 %s %s %d %d %d %d sha256 %s -", device, device, block, block, r.Blocks, r.Blocks, r.Hash)
	made := message(0, "", 0)
	for _, step := range []struct {
		command uintptr
		data    []byte
	}{
		{devCreate, made},
		{tableLoad, message(readOnly, table, r.Blocks*sectors)},
		{devResume, message(0, "", 0)},
	} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request|step.command, uintptr(unsafe.Pointer(&step.data[0]))); errno != 0 {
			return "", fmt.Errorf("device mapper, command %d for %s: %w", step.command, device, errno)
		}
	}
	return fmt.Sprintf("/dev/dm-%d", minor(binary.NativeEndian.Uint64(made[40:]))), nil
}

// message is a struct dm_ioctl, with one struct dm_target_spec and its
// parameters behind it where there is a table.
func message(flags uint32, table string, length uint64) []byte {
	e := binary.NativeEndian
	size := headerSize
	if table != "" {
		size += (targetSize + len(table) + 1 + 7) &^ 7
	}
	b := make([]byte, size)
	e.PutUint32(b[0:], 4) // the interface's version: 4.0.0
	e.PutUint32(b[12:], uint32(size))
	e.PutUint32(b[16:], headerSize)
	e.PutUint32(b[28:], flags)
	copy(b[48:], name)
	if table != "" {
		e.PutUint32(b[20:], 1)
		target := b[headerSize:]
		e.PutUint64(target[8:], length)
		copy(target[24:], "verity")
		copy(target[targetSize:], table)
	}
	return b
}

// minor is taken out of the kernel's wide encoding of a device's number.
func minor(dev uint64) uint64 { return dev&0xff | dev>>12&0xfff00 }
