package disk

import (
	"encoding/binary"
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

func TestALoopDeviceIsAskedForThatCantBeWrittenAndGoesByItself(t *testing.T) {
	b := loopConfig(7)
	// struct loop_config: fd, block_size, struct loop_info64 of 232 bytes, 64 reserved bytes.
	if e := binary.NativeEndian; len(b) != 8+232+64 || e.Uint32(b) != 7 || e.Uint32(b[8+52:]) != 1|4 {
		t.Errorf("got %d bytes: %v", len(b), b[:64])
	}
}
