// Package format reads updates (docs/format/update.md): a manifest with the
// digest of every piece of what follows it. A piece is checked before anybody
// sees it. It does not know what is done with the parts.
package format

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	magic       = "lkbuild-update 1 "
	maxManifest = 16 << 20 // a root of 200 GiB
	maxPiece    = 16 << 20
)

// Part is one thing that is written.
type Part struct {
	Name   string   `json:"name"`
	Size   int64    `json:"size"`
	Pieces []string `json:"sha256"` // of each piece, in hexadecimal
}

// Manifest says what an update has.
type Manifest struct {
	Image   string `json:"image"`
	Arch    string `json:"arch"`
	Version int64  `json:"version"` // what is lower is older
	Piece   int64  `json:"piece"`   // bytes; the last of a part may be shorter
	Parts   []Part `json:"parts"`
}

// NotOlder tells whether the update may take the place of what runs, whose
// version is a text as an image has it. No text: it has none, and is older than
// any that has one.
func (m Manifest) NotOlder(running string) error {
	text := strings.TrimSpace(running)
	if text == "" {
		return nil
	}
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("the version of what runs is no number: %q", text)
	}
	if m.Version < version {
		return fmt.Errorf("the update has version %d, which is older than %d, which runs: --allow-older takes it", m.Version, version)
	}
	return nil
}

// Part finds one by name.
func (m Manifest) Part(name string) (Part, error) {
	for _, p := range m.Parts {
		if p.Name == name {
			return p, nil
		}
	}
	return Part{}, fmt.Errorf("the update has no part %q", name)
}

// Update is an update that is read from its beginning to its end.
type Update struct {
	Manifest Manifest
	Signed   []byte // what a signature is over: everything before the first part
	source   *bufio.Reader
}

// Open reads as far as the first part.
func Open(source io.Reader) (*Update, error) {
	r := bufio.NewReader(source)
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("this is no update: %w", err)
	}
	var size int
	if n, err := fmt.Sscanf(string(line), magic+"%d\n", &size); err != nil || n != 1 || size <= 0 || size > maxManifest {
		return nil, fmt.Errorf("this is no update, or one of another version")
	}
	u := &Update{Signed: append(append([]byte{}, line...), make([]byte, size)...), source: r}
	text := u.Signed[len(line):]
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("the update ends in its manifest: %w", err)
	}
	if err := json.Unmarshal(text, &u.Manifest); err != nil {
		return nil, fmt.Errorf("the update's manifest: %w", err)
	}
	return u, u.Manifest.check()
}

func (m Manifest) check() error {
	if m.Piece <= 0 || m.Piece > maxPiece {
		return fmt.Errorf("the update's pieces have %d bytes", m.Piece)
	}
	for _, p := range m.Parts {
		if p.Size <= 0 || int64(len(p.Pieces)) != (p.Size+m.Piece-1)/m.Piece {
			return fmt.Errorf("part %s: %d digests for %d bytes", p.Name, len(p.Pieces), p.Size)
		}
	}
	return nil
}

// Copy hands out the next part, which must be this one, piece by piece, each
// after its digest was checked. `done` is told how much was written.
func (u *Update) Copy(p Part, to io.Writer, done func(written int64)) error {
	buf := make([]byte, u.Manifest.Piece)
	for written, index := int64(0), 0; written < p.Size; index++ {
		piece := buf[:min(u.Manifest.Piece, p.Size-written)]
		if _, err := io.ReadFull(u.source, piece); err != nil {
			return fmt.Errorf("the update ends in part %s: %w", p.Name, err)
		}
		if sum := sha256.Sum256(piece); hex.EncodeToString(sum[:]) != p.Pieces[index] {
			return fmt.Errorf("part %s is damaged at byte %d", p.Name, written)
		}
		if _, err := to.Write(piece); err != nil {
			return err
		}
		written += int64(len(piece))
		done(written)
	}
	return nil
}
