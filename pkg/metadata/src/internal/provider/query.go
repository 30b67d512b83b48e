// Package provider has what each platform tells a machine and how: one
// provider a file, and which of them to ask. It does not write anything.
package provider

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"lkbuild/metadata/internal/source"
)

// query reads several documents that may be missing and keeps the first error
// of another kind, so that a provider can be read from top to bottom.
type query struct {
	ctx  context.Context
	from source.Source
	err  error
}

// bytes is nil where there is no such document.
func (q *query) bytes(path string) []byte {
	if q.err != nil {
		return nil
	}
	data, err := q.from.Read(q.ctx, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.err = err
	}
	if err != nil {
		return nil
	}
	return data
}

func (q *query) text(path string) string { return strings.TrimSpace(string(q.bytes(path))) }
