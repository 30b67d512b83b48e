// Package entries reads the names of the slots' unified kernel images on an EFI
// system partition: slot-N.efi, or slot-N+LEFT-DONE.efi while it is tried
// (UAPI.1 Boot Loader Specification, Boot counting). systemd-boot starts the
// one with the highest number that has tries left or needs none.
package entries

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// Folder is where systemd-boot looks for unified kernel images.
const Folder = "EFI/Linux"

var form = regexp.MustCompile(`^slot-(\d+)(?:\+(\d+)(?:-(\d+))?)?\.efi$`)

// Entry is a slot's image.
type Entry struct {
	File    string
	Number  int
	Counted bool // it has not come up yet
	Left    int
	Done    int
}

// ID is what the boot loader calls it: the name without counters.
func (e Entry) ID() string { return fmt.Sprintf("slot-%d.efi", e.Number) }

// State is for people.
func (e Entry) State() string {
	switch {
	case !e.Counted:
		return "good"
	case e.Left > 0:
		return fmt.Sprintf("to be tried, %d left", e.Left)
	default:
		return fmt.Sprintf("bad, %d tried", e.Done)
	}
}

// Parse reads a file's name.
func Parse(file string) (Entry, bool) {
	m := form.FindStringSubmatch(file)
	if m == nil {
		return Entry{}, false
	}
	number, err := strconv.Atoi(m[1])
	left, _ := strconv.Atoi(m[2])
	done, _ := strconv.Atoi(m[3])
	return Entry{File: file, Number: number, Counted: m[2] != "", Left: left, Done: done}, err == nil
}

// List is what a mounted partition has, in the order in which it is started.
func List(esp string) ([]Entry, error) {
	files, err := os.ReadDir(filepath.Join(esp, Folder))
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, f := range files {
		if e, ok := Parse(f.Name()); ok {
			all = append(all, e)
		}
	}
	bad := func(e Entry) bool { return e.Counted && e.Left == 0 }
	sort.Slice(all, func(i, j int) bool {
		if bad(all[i]) != bad(all[j]) {
			return bad(all[j])
		}
		return all[i].Number > all[j].Number
	})
	return all, nil
}

// Find gives the entry that the boot loader calls so.
func Find(esp, id string) (Entry, error) {
	all, err := List(esp)
	for _, e := range all {
		if e.ID() == id {
			return e, nil
		}
	}
	return Entry{}, errors.Join(fmt.Errorf("%s, which runs, is no slot", id), err)
}

// Clear makes room: whatever is not the running slot's goes, what an interrupted
// update left too. After that, the other slot's root may be overwritten:
// nothing starts it any more.
func Clear(esp, running string) error {
	folder := filepath.Join(esp, Folder)
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, f := range files {
		if e, ok := Parse(f.Name()); (ok && e.ID() != running) || strings.HasSuffix(f.Name(), pending) {
			if err := os.Remove(filepath.Join(folder, f.Name())); err != nil {
				return err
			}
		}
	}
	return flush(folder)
}

const pending = ".new" // no boot loader looks at it

// Add writes the image of a slot, and only then gives it a name that the boot
// loader starts, `tries` times.
func Add(esp string, number, tries int, write func(*os.File) error) error {
	folder := filepath.Join(esp, Folder)
	temporary := filepath.Join(folder, fmt.Sprintf("slot-%d%s", number, pending))
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		os.Remove(temporary)
		return err
	}
	// FAT has no journal: the content, and the clusters that hold it, are on the disk before the name is.
	if err := flush(folder); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(folder, fmt.Sprintf("slot-%d+%d.efi", number, tries))); err != nil {
		return err
	}
	return flush(folder)
}

func flush(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	syscall.Sync()
	return f.Sync()
}
