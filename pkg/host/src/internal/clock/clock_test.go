package clock

import (
	"testing"
	"time"
)

func TestAClockIsSetWhereItIsWrongByMoreThanTheAnswerIsUnsure(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		theirs time.Duration
		took   time.Duration
		wrong  bool
	}{
		{0, 0, false},
		{900 * time.Millisecond, 0, false},
		{-2 * time.Second, 0, true},
		{24 * time.Hour, 100 * time.Millisecond, true},
		{3 * time.Second, 5 * time.Second, true},
		{-time.Second, 5 * time.Second, false}, // within what it may be: the answer may be from any moment of the five
	} {
		wrong, by := Wrong(now.Add(c.theirs), now, c.took)
		if wrong != c.wrong || by != c.theirs+c.took/2 {
			t.Errorf("%+v: %v, %v", c, wrong, by)
		}
	}
}
