package mounts

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"lkbuild/init/internal/sys"
)

// mount(2) takes one page of options, its end included.
const optionLimit = 4095

// Overlay is an overlay file system: lower directories, topmost first, and
// an upper and work directory where it can be written.
type Overlay struct {
	Lower       []string
	Upper, Work string
}

// Params are the options for the mount API of Linux 6.8 and later, which takes
// each lower directory by itself.
func (o Overlay) Params() []sys.Param {
	params := []sys.Param{{Key: "source", Value: "lkbuild"}}
	for _, dir := range o.Lower {
		params = append(params, sys.Param{Key: "lowerdir+", Value: dir})
	}
	if o.Upper != "" {
		params = append(params, sys.Param{Key: "upperdir", Value: o.Upper}, sys.Param{Key: "workdir", Value: o.Work})
	}
	return params
}

// Options are the same for mount(2), as older kernels want it.
func (o Overlay) Options() (string, error) {
	escape := strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`)
	dirs := make([]string, len(o.Lower))
	for i, dir := range o.Lower {
		dirs[i] = escape.Replace(dir)
	}
	options := "lowerdir=" + strings.Join(dirs, ":")
	if o.Upper != "" {
		options += ",upperdir=" + escape.Replace(o.Upper) + ",workdir=" + escape.Replace(o.Work)
	}
	if len(options) > optionLimit {
		return "", fmt.Errorf("%d layers need %d bytes of options; a kernel before 6.8 takes %d", len(o.Lower), len(options), optionLimit)
	}
	return options, nil
}

// Mount mounts it on target. Without upper directory it is read-only; a
// single lower directory is then bound, since overlayfs wants two.
func (o Overlay) Mount(target string) error {
	if o.Upper == "" && len(o.Lower) == 1 {
		return sys.Bind(o.Lower[0], target, sys.AttrReadOnly, false)
	}
	var attrs uintptr
	if o.Upper == "" {
		attrs = sys.AttrReadOnly
	}
	err := sys.NewFS("overlay", target, o.Params(), attrs)
	if err == nil || !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOSYS) {
		return err
	}
	options, tooLong := o.Options()
	if tooLong != nil {
		return tooLong
	}
	if legacy := syscall.Mount("lkbuild", target, "overlay", attrs, options); legacy != nil {
		return fmt.Errorf("overlay on %s: %w; %w", target, err, legacy)
	}
	return nil
}
