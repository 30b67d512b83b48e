package disk

import (
	"reflect"
	"testing"
)

func TestTheLastRootOnTheCommandLineCounts(t *testing.T) {
	got := Parse([]string{"root=/dev/sda", "quiet", "rootfstype=squashfs,erofs", "root=/dev/vda"})
	if want := (Root{"/dev/vda", []string{"squashfs", "erofs"}, "", ""}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Parse([]string{"lkbuild.root=/root.erofs"}); got.File != "root.erofs" {
		t.Errorf("got %v", got)
	}
	if got := Parse([]string{"lkbuild.verity=ab,1"}); got.Verity != "ab,1" {
		t.Errorf("got %v", got)
	}
	if got := Parse([]string{"console=ttyS0"}); got.Device != "" || len(got.Kinds) == 0 {
		t.Errorf("got %v", got)
	}
}
