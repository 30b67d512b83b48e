// Package trial knows of boots that are counted: systemd-boot starts a unified
// kernel image whose file name has "+LEFT-DONE" in it so many times, each time
// with one less left, and then another (UAPI.1 Boot Loader Specification, Boot
// counting). A machine that comes up takes the counters out of the name. It
// does not know when a machine has come up.
package trial

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf16"

	"lkbuild/init/internal/block"
	"lkbuild/init/internal/modules"
)

const (
	variables = "/sys/firmware/efi/efivars"
	vendor    = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" // systemd.io/BOOT_LOADER_INTERFACE

	mountPoint = "/run/lkbuild/esp"
	names      = "iocharset=iso8859-1" // what a kernel has as its default is often in none of its modules
	strict     = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
)

// Trial is a boot that is counted.
type Trial struct {
	Path string // of the image on the EFI system partition
	ESP  string // the partition's UUID
}

// Mount makes the firmware's variables readable, where there are any.
func Mount(tree *modules.Tree) error {
	if _, err := os.Stat(variables); err != nil {
		return nil
	}
	if err := tree.LoadAliases([]string{"fs-efivarfs"}); err != nil {
		return err
	}
	return os.NewSyscallError("mount efivarfs", syscall.Mount("efivarfs", variables, "efivarfs", strict|syscall.MS_RDONLY, ""))
}

// Find tells what the boot loader says of this boot; nil: it is not counted.
func Find() *Trial {
	path, err := read("LoaderBootCountPath")
	if err != nil {
		return nil
	}
	esp, _ := read("LoaderDevicePartUUID")
	return &Trial{Path: strings.ReplaceAll(path, `\`, "/"), ESP: esp}
}

// Name is the image's, without counters.
func (t Trial) Name() string { return filepath.Base(settled(t.Path)) }

// Good takes the counters away: from now on the image is started as often as
// it takes.
func (t Trial) Good() error {
	found := block.Find("PARTUUID="+t.ESP, block.Class)
	if len(found) != 1 {
		return fmt.Errorf("there are %d EFI system partitions %s", len(found), t.ESP)
	}
	if err := os.MkdirAll(mountPoint, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount(found[0], mountPoint, "vfat", strict, names); err != nil {
		return fmt.Errorf("mount %s: %w", found[0], err)
	}
	err := os.Rename(filepath.Join(mountPoint, t.Path), filepath.Join(mountPoint, settled(t.Path)))
	syscall.Sync()
	if unmountErr := syscall.Unmount(mountPoint, 0); err == nil {
		err = os.NewSyscallError("unmount "+mountPoint, unmountErr)
	}
	return err
}

// settled is a path without its counters, "+LEFT" or "+LEFT-DONE".
func settled(path string) string {
	const ending = ".efi"
	stem, isImage := strings.CutSuffix(path, ending)
	plus := strings.LastIndexByte(stem, '+')
	if !isImage || plus < 0 {
		return path
	}
	left, done, tried := strings.Cut(stem[plus+1:], "-")
	if !number(left) || tried && !number(done) {
		return path
	}
	return stem[:plus] + ending
}

func number(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// read gives a text of the boot loader's.
func read(name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(variables, name+vendor))
	if err != nil {
		return "", err
	}
	return text(data), nil
}

// text is a variable's value: 4 bytes of attributes, UTF-16 with a zero.
func text(data []byte) string {
	var words []uint16
	for at := 4; at+1 < len(data); at += 2 {
		if word := binary.LittleEndian.Uint16(data[at:]); word != 0 {
			words = append(words, word)
		}
	}
	return string(utf16.Decode(words))
}
