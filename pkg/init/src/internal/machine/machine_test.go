package machine

import (
	"testing"
	"time"
)

func TestPatienceIsOneUnlessTheCommandLineSaysANumber(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"": 1, "lkbuild.patience=10": 10, "lkbuild.patience=0": 1, "lkbuild.patience=-3": 1,
		"lkbuild.patience=much": 1, "lkbuild.patience=": 1, "lkbuild.patience=1000000": 1000,
	} {
		if got := Patience([]string{"console=ttyS0", line}); got != want {
			t.Errorf("%q: %d, not %d", line, got, want)
		}
	}
}
