package verity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARootIsSaidByADigestAndACount(t *testing.T) {
	hash := strings.Repeat("ab", sha256.Size)
	if got, err := Parse(hash + ",17"); err != nil || got != (Root{hash, 17}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", hash, hash + ",0", hash + ",x", hash[2:] + ",1", "g" + hash[1:] + ",1"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestADeviceHasTheRootWhoseTopItHasBehindTheData(t *testing.T) {
	device := filepath.Join(t.TempDir(), "device")
	top := bytes.Repeat([]byte{7}, block)
	if err := os.WriteFile(device, append(make([]byte, 2*block), top...), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(top)
	root := Root{hex.EncodeToString(sum[:]), 2}
	if !root.IsOn(device) {
		t.Error("it is not found")
	}
	for _, other := range []Root{{root.Hash, 1}, {root.Hash, 3}, {strings.Repeat("00", sha256.Size), 2}} {
		if other.IsOn(device) {
			t.Errorf("%v is found", other)
		}
	}
}

func TestAMessageToTheDeviceMapperSaysHowLongItIs(t *testing.T) {
	b := message(readOnly, "1 a b", 8)
	if len(b)%8 != 0 || len(b) < headerSize+targetSize+len("1 a b")+1 {
		t.Errorf("%d bytes", len(b))
	}
	if got := string(bytes.TrimRight(b[headerSize+targetSize:], "\x00")); got != "1 a b" {
		t.Errorf("got %q", got)
	}
}

func TestTheMinorNumberIsInTwoParts(t *testing.T) {
	if got := minor(0x12_0fd34); got != 0x1234 {
		t.Errorf("got %#x", got)
	}
}
