// Package source reads documents by path: from a server on the network or from
// a file system. It does not know what they say.
package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"
)

const (
	attempt  = 5 * time.Second        // one request; such servers answer at once
	pause    = 500 * time.Millisecond // until it is tried again
	maxBytes = 16 << 20               // no platform has as much
)

// Source gives documents by path, without a slash at the beginning. What is
// not there is fs.ErrNotExist.
type Source interface {
	Read(ctx context.Context, path string) ([]byte, error)
}

// Web is a server, asked directly and by no proxy.
type Web struct {
	Base    string // ends with a slash
	Headers map[string]string
}

// A platform's server is on the link: a proxy can't reach it.
var client = &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}, Timeout: attempt}

// Read implements Source by GET.
func (w Web) Read(ctx context.Context, path string) ([]byte, error) {
	body, _, err := w.Ask(ctx, http.MethodGet, path, nil, nil)
	return body, err
}

// Ask sends a request until the server has answered it with something other
// than "try again", or the context ends: at boot a network that has just come
// up may not lead there yet.
func (w Web) Ask(ctx context.Context, method, path string, headers map[string]string, body []byte) ([]byte, http.Header, error) {
	for {
		answer, header, again, err := w.once(ctx, method, path, headers, body)
		if err == nil || !again {
			return answer, header, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, err
		case <-time.After(pause):
		}
	}
}

func (w Web) once(ctx context.Context, method, path string, headers map[string]string, body []byte) (answer []byte, header http.Header, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, w.Base+path, reader(body))
	if err != nil {
		return nil, nil, false, err
	}
	for _, some := range []map[string]string{w.Headers, headers} {
		for name, value := range some {
			req.Header.Set(name, value)
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, true, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxBytes))
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, nil, false, fmt.Errorf("%s: %w", req.URL, fs.ErrNotExist)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return nil, nil, true, fmt.Errorf("%s: %s", req.URL, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, nil, false, fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	return answer, resp.Header, err != nil, err
}

// Disk is a file system that is mounted.
type Disk struct{ FS fs.FS }

// Read implements Source.
func (d Disk) Read(_ context.Context, path string) ([]byte, error) {
	return fs.ReadFile(d.FS, path)
}

// Text reads a document that may be missing: then it is empty.
func Text(ctx context.Context, s Source, path string) (string, error) {
	data, err := s.Read(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

func reader(body []byte) io.Reader {
	if body == nil {
		return nil
	}
	return bytes.NewReader(body)
}
