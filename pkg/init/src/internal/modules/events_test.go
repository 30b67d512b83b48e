package modules

import (
	"reflect"
	"strings"
	"testing"
)

func TestOnlyAnAddedDeviceWithAnAliasLoadsSomething(t *testing.T) {
	for event, want := range map[string]string{
		"add@/devices/x\x00ACTION=add\x00MODALIAS=scsi:t-0x00\x00SEQNUM=1\x00": "scsi:t-0x00",
		"remove@/devices/x\x00ACTION=remove\x00MODALIAS=scsi:t-0x00\x00":       "",
		"add@/devices/x\x00ACTION=add\x00":                                     "",
		"add@/devices/cpu\x00MODALIAS=cpu:type:x86\x00":                        "",
		"": "",
	} {
		if got := addedAlias([]byte(event)); got != want {
			t.Errorf("%q: %q", event, got)
		}
	}
}

func TestStaticNodesHaveTheirNumbers(t *testing.T) {
	got := ParseNodes(strings.NewReader("# Device nodes\ntun net/tun c10:200\nloop loop-control c10:237\nx y b259:70000\nbad\nbad bad cx:y\n"))
	want := []Node{{"net/tun", false, 10, 200}, {"loop-control", false, 10, 237}, {"y", true, 259, 70000}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if d := want[0].Device(); d != 10<<8|200 {
		t.Errorf("device %#x", d)
	}
	if d := (Node{Major: 259, Minor: 70000}).Device(); d != 70000&0xff|259<<8|(70000&^0xff)<<12 {
		t.Errorf("device %#x", d)
	}
}
