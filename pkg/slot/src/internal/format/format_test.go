package format

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const piece = 4

func update(t *testing.T, contents ...string) []byte {
	t.Helper()
	m := Manifest{Image: "x", Arch: "amd64", Piece: piece}
	for i, content := range contents {
		p := Part{Name: fmt.Sprint("part", i), Size: int64(len(content))}
		for at := 0; at < len(content); at += piece {
			sum := sha256.Sum256([]byte(content[at:min(at+piece, len(content))]))
			p.Pieces = append(p.Pieces, hex.EncodeToString(sum[:]))
		}
		m.Parts = append(m.Parts, p)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(fmt.Sprintf("%s%d\n%s", magic, len(text), text)), strings.Join(contents, "")...)
}

func read(data []byte) (string, error) {
	u, err := Open(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for _, p := range u.Manifest.Parts {
		if err := u.Copy(p, &out, func(int64) {}); err != nil {
			return out.String(), err
		}
	}
	return out.String(), nil
}

func TestPartsAreReadInTheirOrder(t *testing.T) {
	if got, err := read(update(t, "123456", "abcd")); err != nil || got != "123456abcd" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNoByteThatIsNotTheManifestSIsHandedOut(t *testing.T) {
	whole := update(t, "123456789", "abcd")
	content := len(whole) - len("123456789abcd")
	for at := content; at < len(whole); at++ {
		data := bytes.Clone(whole)
		data[at] ^= 1
		got, err := read(data)
		if err == nil || !strings.HasPrefix("123456789abcd", got) || len(got) > at-content {
			t.Errorf("a bit of byte %d: %q, %v", at, got, err)
		}
	}
}

func TestAnUpdateThatEndsEarlyIsRefused(t *testing.T) {
	whole := update(t, "123456")
	for size := range whole {
		if got, err := read(whole[:size]); err == nil || !strings.HasPrefix("123456", got) {
			t.Errorf("%d bytes: %q, %v", size, got, err)
		}
	}
}

func TestWhatIsNoUpdateIsRefused(t *testing.T) {
	for _, text := range []string{"", "\n", strings.Repeat("x", 10000), magic + "-1\n", magic + "99999999999\n", magic + "2\n[]",
		magic + "12\n{\"piece\": 0}", magic + "63\n{\"piece\": 4, \"parts\": [{\"name\": \"a\", \"size\": 9, \"sha256\": []}]}"} {
		if _, err := Open(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q is taken", text)
		}
	}
}

func TestASignatureIsOverEveryByteOfTheManifest(t *testing.T) {
	seed := bytes.Repeat([]byte{1}, ed25519.SeedSize)
	key := ed25519.NewKeyFromSeed(seed)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: append(bytes.Clone(publicPrefix), key.Public().(ed25519.PublicKey)...)})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: append(bytes.Clone(privatePrefix), seed...)})
	keys, err := PublicKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := PrivateKey(private); err != nil || !again.Equal(key) {
		t.Fatal(err)
	}
	whole := update(t, "123456")
	u, err := Open(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	signature := u.Sign(key)
	if err := u.Verify(keys, signature); err != nil {
		t.Error(err)
	}
	other, err := Open(bytes.NewReader(update(t, "123457")))
	if err != nil {
		t.Fatal(err)
	}
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
	for what, err := range map[string]error{
		"another update":  other.Verify(keys, signature),
		"another key":     u.Verify(keys, u.Sign(stranger)),
		"no signature":    u.Verify(keys, ""),
		"half of one":     u.Verify(keys, signature[:40]),
		"no keys":         u.Verify(nil, signature),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, text := range []string{"", "x", string(private)} {
		if _, err := PublicKeys([]byte(text)); err == nil {
			t.Errorf("%q is a public key", text)
		}
	}
	if _, err := PrivateKey(public); err == nil {
		t.Error("a public key is a private one")
	}
}

func TestAnUpdateThatIsOlderThanWhatRunsIsRefused(t *testing.T) {
	for _, c := range []struct {
		running string
		version int64
		taken   bool
	}{{"3\n", 3, true}, {"3\n", 4, true}, {"3\n", 2, false}, {"3\n", 0, false}, {"", 0, true}, {"0\n", 0, true}, {"x", 9, false}} {
		if err := (Manifest{Version: c.version}).NotOlder(c.running); (err == nil) != c.taken {
			t.Errorf("%d over %q: %v", c.version, c.running, err)
		}
	}
}
