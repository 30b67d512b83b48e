package mounts

import (
	"reflect"
	"strings"
	"testing"

	"lkbuild/init/internal/sys"
)

func TestEachLowerDirectoryIsAParameterOfItsOwnTopmostFirst(t *testing.T) {
	o := Overlay{Lower: []string{"/a", "/b"}, Upper: "/u", Work: "/w"}
	want := []sys.Param{
		{Key: "source", Value: "lkbuild"}, {Key: "lowerdir+", Value: "/a"}, {Key: "lowerdir+", Value: "/b"},
		{Key: "upperdir", Value: "/u"}, {Key: "workdir", Value: "/w"},
	}
	if got := o.Params(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOptionsForOldKernelsAreEscaped(t *testing.T) {
	got, err := Overlay{Lower: []string{"/a:b", `/c,d\`}}.Options()
	if want := `lowerdir=/a\:b:/c\,d\\`; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestTooManyLayersForAnOldKernelAreAnErrorNotACutString(t *testing.T) {
	o := Overlay{Lower: make([]string, 300)}
	for i := range o.Lower {
		o.Lower[i] = "/.base/layers/0123456789abcdef"
	}
	if got, err := o.Options(); err == nil {
		t.Errorf("got %d bytes of options", len(got))
	}
	if n := len(o.Params()); n != 301 {
		t.Errorf("got %d parameters", n)
	}
}

func TestMountinfoGivesTargetsAndKindsWithEscapesUndone(t *testing.T) {
	text := strings.Join([]string{
		`22 1 0:20 / / ro,relatime - overlay lkbuild ro`,
		`23 22 0:21 / /run rw shared:2 master:1 - tmpfs tmpfs rw`,
		`24 23 8:1 / /run/a\040b rw - ext4 /dev/sda1 rw`,
		`garbage`, ``,
	}, "\n")
	want := []Mount{{"/", "overlay"}, {"/run", "tmpfs"}, {"/run/a b", "ext4"}}
	if got := ParseMountinfo(text); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
