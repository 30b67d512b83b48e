package modules

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// a tree as depmod writes it of Debian's riscv64 kernel, and more: EROFS needs
// libcrc32c, which wants some module that does crc32c.
func tree(t *testing.T, refused ...string) (*Tree, *[]string) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "modules.alias"), []byte("alias crc32c crc32c_generic\nalias crc32c crc32c_arch\nalias fs-erofs erofs\n"), 0o600)
	deps := "fs/erofs.ko: lib/libcrc32c.ko lib/netfs.ko\nlib/libcrc32c.ko:\nlib/netfs.ko:\ncrypto/crc32c_generic.ko: crypto/base.ko\n" +
		"crypto/crc32c_arch.ko:\ncrypto/base.ko:\nround/a.ko:\nround/b.ko: round/a.ko\nnet/late.ko:\n"
	soft := "softdep libcrc32c pre: crc32c\nsoftdep a pre: b\nsoftdep erofs post: late none built\n"
	var inserted []string
	return &Tree{dir: dir, deps: ParseDeps(strings.NewReader(deps)), soft: ParseSoftdeps(strings.NewReader(soft)),
		builtin: map[string]bool{"built": true}, loaded: map[string]bool{}, insert: func(path string) error {
			for _, name := range refused {
				if Name(path) == name {
					return syscall.ENODEV
				}
			}
			inserted = append(inserted, Name(path))
			return nil
		}}, &inserted
}

func TestSoftDependenciesOfDependenciesAreFollowedByAlias(t *testing.T) {
	modules, inserted := tree(t)
	if err := modules.Load("erofs"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"netfs", "base", "crc32c_generic", "crc32c_arch", "libcrc32c", "erofs", "late"}; !reflect.DeepEqual(*inserted, want) {
		t.Errorf("got %v, want %v", *inserted, want)
	}
}

func TestARefusedSoftDependencyIsNoError(t *testing.T) {
	modules, inserted := tree(t, "crc32c_arch")
	if err := modules.Request("fs-erofs"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"netfs", "base", "crc32c_generic", "libcrc32c", "erofs", "late"}; !reflect.DeepEqual(*inserted, want) {
		t.Errorf("got %v, want %v", *inserted, want)
	}
}

func TestARefusedDependencyIsAnErrorEachTime(t *testing.T) {
	modules, inserted := tree(t, "libcrc32c")
	for range 2 {
		if err := modules.Load("erofs"); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("got %v", err)
		}
	}
	if last := (*inserted)[len(*inserted)-1]; last == "erofs" {
		t.Errorf("it was loaded without what it needs: %v", *inserted)
	}
}

func TestCirclesOfSoftDependenciesEnd(t *testing.T) {
	modules, inserted := tree(t)
	if err := modules.Load("b"); err != nil {
		t.Fatal(err)
	}
	if got := len(*inserted); got != 2 {
		t.Errorf("got %v", *inserted)
	}
}
