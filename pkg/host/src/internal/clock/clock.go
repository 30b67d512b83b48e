// Package clock sets this machine's clock by another's where it is wrong by so
// much that no time server's client should walk it there. It does not know
// how the other is asked.
package clock

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// tolerance is what is left to an NTP client.
const tolerance = time.Second

// Follow asks once, and steps the clock where it must. The answer comes with
// how long it took.
func Follow(ask func() (time.Time, time.Duration, error)) {
	theirs, took, err := ask()
	if err != nil {
		return // the connection has ended: there will be another
	}
	wrong, by := Wrong(theirs, time.Now(), took)
	if !wrong {
		return
	}
	now := syscall.NsecToTimeval(time.Now().Round(0).Add(by).UnixNano())
	if err := syscall.Settimeofday(&now); err != nil {
		fmt.Fprintln(os.Stderr, "host: settimeofday:", err)
		return
	}
	fmt.Printf("host: the clock was wrong by %v\n", by.Round(time.Millisecond))
}

// Wrong tells whether a clock that says `ours` is to be set, and by how much.
// The answer is half as old as it took to get it, give or take that half.
func Wrong(theirs, ours time.Time, took time.Duration) (bool, time.Duration) {
	by := theirs.Add(took / 2).Sub(ours.Round(0))
	return by.Abs() > tolerance+took/2, by
}
