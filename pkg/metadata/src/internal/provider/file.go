package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"lkbuild/metadata/internal/machine"
)

// File takes userdata from a file of the machine, which the image or a mounted
// disk has.
type File struct{ Path string }

// Name implements machine.Provider.
func (p File) Name() string { return "file=" + p.Path }

// Fetch implements machine.Provider.
func (p File) Fetch(context.Context) (*machine.Data, error) {
	text, err := os.ReadFile(p.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", machine.ErrAbsent, err)
	}
	if err != nil {
		return nil, err
	}
	return &machine.Data{Userdata: text}, nil
}
