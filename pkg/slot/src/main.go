// Command slot puts an image into the slot of a disk that does not run, for the
// boot loader to try (docs/guide/images.md):
//
//	slot status
//	slot update [--tries=3] [--key=FILE] [--allow-older] --signature=FILE UPDATE|-
//	slot sign KEY UPDATE
//
// `sign` is for whoever makes updates, and prints the signature.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"lkbuild/slot/internal/entries"
	"lkbuild/slot/internal/format"
	"lkbuild/slot/internal/machine"
)

const (
	sysfs = "/sys"
	names = "iocharset=iso8859-1" // what a kernel has as its default is often in none of its modules
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "slot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "status":
		return status()
	case len(args) == 3 && args[0] == "sign":
		return sign(args[1], args[2])
	case len(args) > 1 && args[0] == "update":
		return parseUpdate(args[1:])
	}
	return errors.New("usage: slot status, slot update --signature=FILE UPDATE|-, slot sign KEY UPDATE")
}

func status() error {
	m, err := machine.Find(sysfs)
	if err != nil {
		return err
	}
	return mounted(m.ESP, true, func(esp string) error {
		all, err := entries.List(esp)
		for _, e := range all {
			mark := " "
			if e.ID() == m.Running {
				mark = "*"
			}
			fmt.Println(mark, e.ID(), e.State())
		}
		return err
	})
}

func sign(keyFile, file string) error {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	key, err := format.PrivateKey(text)
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	u, err := format.Open(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	_, err = io.WriteString(os.Stdout, u.Sign(key))
	return err
}

func parseUpdate(args []string) error {
	flags := flag.NewFlagSet("slot update", flag.ContinueOnError)
	tries := flags.Int("tries", 3, "how often the new slot is started before the machine falls back")
	keyFile := flags.String("key", "/etc/lkbuild/update.pem", "public keys that may sign updates")
	signatureFile := flags.String("signature", "", "the update's signature")
	versionFile := flags.String("version", "/etc/lkbuild/version", "the version of what runs")
	older := flags.Bool("allow-older", false, "take an update with a lower version than what runs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || *signatureFile == "" || *tries < 1 {
		return errors.New("an update, --signature, and at least one try")
	}
	source := os.Stdin
	if path := flags.Arg(0); path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		source = f
	}
	u, err := trusted(source, *keyFile, *signatureFile)
	if err != nil {
		return err
	}
	if err := newEnough(u, *versionFile); err != nil && !*older {
		return err
	}
	m, err := machine.Find(sysfs)
	if err != nil {
		return err
	}
	return mounted(m.ESP, false, func(esp string) error { return install(u, m, esp, *tries) })
}

// newEnough keeps whoever has an old update, and its signature, from bringing
// back what was mended since. An image without a version keeps nobody.
func newEnough(u *format.Update, versionFile string) error {
	running, err := os.ReadFile(versionFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return u.Manifest.NotOlder(string(running))
}

// trusted opens an update that is signed, and is for such a machine.
func trusted(source io.Reader, keyFile, signatureFile string) (*format.Update, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	keys, err := format.PublicKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	signature, err := os.ReadFile(signatureFile)
	if err != nil {
		return nil, err
	}
	u, err := format.Open(source)
	if err != nil {
		return nil, err
	}
	if err := u.Verify(keys, string(signature)); err != nil {
		return nil, err
	}
	if u.Manifest.Arch != runtime.GOARCH {
		return nil, fmt.Errorf("the update is for %s, and this machine is %s", u.Manifest.Arch, runtime.GOARCH)
	}
	return u, nil
}

// mounted mounts the EFI system partition for as long as f runs.
func mounted(device string, readOnly bool, f func(esp string) error) error {
	folder, err := os.MkdirTemp("", "esp")
	if err != nil {
		return err
	}
	defer os.Remove(folder)
	var flags uintptr = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount(device, folder, "vfat", flags, names); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	err = f(folder)
	if unmountErr := syscall.Unmount(folder, 0); err == nil {
		err = unmountErr
	}
	return err
}
