package main

import (
	"reflect"
	"testing"
)

func TestArgumentsAreSocketsByNumber(t *testing.T) {
	got, err := parse([]string{"2375:/run/docker.sock", "7:/run/x:y"})
	if want := map[uint32]string{2375: "/run/docker.sock", 7: "/run/x:y"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []string{"", "7", "x:/run/x", "7:", "-1:/x"} {
		if _, err := parse([]string{wrong}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
