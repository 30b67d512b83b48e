package trial

import "testing"

func TestCountersAreTakenOutOfTheNameAndOnlyThey(t *testing.T) {
	for path, want := range map[string]string{
		"/EFI/Linux/slot-2+2-1.efi": "/EFI/Linux/slot-2.efi",
		"/EFI/Linux/slot-2+3.efi":   "/EFI/Linux/slot-2.efi",
		"/EFI/Linux/slot-2.efi":     "/EFI/Linux/slot-2.efi",
		"/EFI/Linux/a+b.efi":        "/EFI/Linux/a+b.efi",
		"/EFI/Linux/a+1.x":          "/EFI/Linux/a+1.x",
		"/EFI/Linux/a+1-.efi":       "/EFI/Linux/a+1-.efi",
		"/EFI/Linux/a+.efi":         "/EFI/Linux/a+.efi",
	} {
		if got := settled(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if got := (Trial{Path: "/EFI/Linux/slot-2+0-3.efi"}).Name(); got != "slot-2.efi" {
		t.Errorf("got %s", got)
	}
}

func TestAVariableIsTextBehindItsAttributes(t *testing.T) {
	if got := text([]byte("\x06\x00\x00\x00\\\x00E\x00F\x00I\x00\x00\x00")); got != `\EFI` {
		t.Errorf("got %q", got)
	}
	if got := text([]byte{6, 0}); got != "" {
		t.Errorf("got %q", got)
	}
}
