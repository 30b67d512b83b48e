package vmware_test

import (
	"errors"
	"testing"

	"lkbuild/metadata/internal/vmware"
	"lkbuild/metadata/internal/vmware/vmwaretest"
)

func TestAValueComesWholeWhateverItsLength(t *testing.T) {
	for _, value := range []string{"", "x", "four", "with spaces and more than a word"} {
		h := &vmwaretest.Hypervisor{Values: map[string]string{"guestinfo.userdata": value}}
		got, err := vmware.Get(h.Door, "guestinfo.userdata")
		if got != value || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if h.Open {
			t.Error("the channel stays open")
		}
	}
}

func TestAValueThatNobodySetIsSaidToBeSo(t *testing.T) {
	h := &vmwaretest.Hypervisor{}
	if _, err := vmware.Get(h.Door, "guestinfo.metadata"); !errors.Is(err, vmware.ErrUnset) || h.Open {
		t.Errorf("%v", err)
	}
}

func TestARefusedStepIsAnErrorAndTheChannelIsClosed(t *testing.T) {
	for _, step := range []uint32{1, 2, 3, 4} {
		h := &vmwaretest.Hypervisor{Values: map[string]string{"a": "value"}, Refuse: step}
		if _, err := vmware.Get(h.Door, "a"); err == nil || errors.Is(err, vmware.ErrUnset) || h.Open {
			t.Errorf("step %d: %v, open: %v", step, err, h.Open)
		}
	}
}
