package boot

import (
	"testing"
	"time"

	"lkbuild/init/internal/plan"
)

func TestPatienceIsForWhatComesUpSlowlyAndForWhatStopsSlowly(t *testing.T) {
	policy := policyOf(plan.Supervision{ReadyTimeout: 60, StopTimeout: 2.5, RestartDelay: 1}, 10)
	if policy.ReadyTimeout != 10*time.Minute || policy.StopTimeout != 25*time.Second || policy.Delay != time.Second {
		t.Errorf("%+v", policy)
	}
}
