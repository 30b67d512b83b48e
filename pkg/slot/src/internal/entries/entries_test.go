package entries

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func partition(t *testing.T, files ...string) string {
	t.Helper()
	esp := t.TempDir()
	if err := os.MkdirAll(filepath.Join(esp, Folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(esp, Folder, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return esp
}

func names(t *testing.T, esp string) []string {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(esp, Folder))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, f.Name())
	}
	return out
}

func TestANameSaysHowOftenASlotMayBeTried(t *testing.T) {
	for file, want := range map[string]Entry{
		"slot-1.efi":      {Number: 1},
		"slot-12+3.efi":   {Number: 12, Counted: true, Left: 3},
		"slot-2+0-3.efi":  {Number: 2, Counted: true, Done: 3},
		"slot-2+2-1.efi":  {Number: 2, Counted: true, Left: 2, Done: 1},
	} {
		want.File = file
		if got, ok := Parse(file); !ok || got != want {
			t.Errorf("%s: %+v, %v", file, got, ok)
		}
	}
	for _, file := range []string{"slot-2.new", "slot-.efi", "slot-1+.efi", "other.efi", "slot-1.efi.old"} {
		if got, ok := Parse(file); ok {
			t.Errorf("%s: %+v", file, got)
		}
	}
}

func TestTheNewestComesFirstUnlessItIsBad(t *testing.T) {
	all, err := List(partition(t, "slot-2.efi", "slot-10+0-3.efi", "slot-9+3.efi", "slot-11.new", "other.efi"))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, e := range all {
		order = append(order, e.File)
	}
	if want := []string{"slot-9+3.efi", "slot-2.efi", "slot-10+0-3.efi"}; !reflect.DeepEqual(order, want) {
		t.Errorf("got %v", order)
	}
}

func TestOnlyTheRunningSlotAndWhatIsOfOthersIsLeft(t *testing.T) {
	esp := partition(t, "slot-2.efi", "slot-1.efi", "slot-3+0-3.efi", "slot-4.new", "other.efi")
	if err := Clear(esp, "slot-2.efi"); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, esp), []string{"other.efi", "slot-2.efi"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestAnImageHasNoNameThatIsStartedBeforeAllOfItIsWritten(t *testing.T) {
	esp := partition(t, "slot-1.efi")
	err := Add(esp, 2, 3, func(f *os.File) error {
		f.WriteString("half")
		if all, _ := List(esp); len(all) != 1 {
			t.Errorf("got %v", all)
		}
		return errors.New("the power fails")
	})
	if err == nil || !reflect.DeepEqual(names(t, esp), []string{"slot-1.efi"}) {
		t.Errorf("got %v, %v", names(t, esp), err)
	}
	if err := Add(esp, 2, 3, func(f *os.File) error { _, err := f.WriteString("all"); return err }); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, esp), []string{"slot-1.efi", "slot-2+3.efi"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestTheRunningSlotIsFoundWhateverItsCounters(t *testing.T) {
	esp := partition(t, "slot-1.efi", "slot-2+2-1.efi")
	if got, err := Find(esp, "slot-2.efi"); err != nil || !got.Counted {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := Find(esp, "other.efi"); err == nil {
		t.Errorf("got %+v", got)
	}
}
