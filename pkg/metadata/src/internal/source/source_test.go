package source

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"
)

func TestAServerThatIsNotReadyIsAskedAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte(r.Header.Get("X-Asks")))
	}))
	defer server.Close()
	got, err := Web{Base: server.URL + "/", Headers: map[string]string{"X-Asks": "me"}}.Read(t.Context(), "a")
	if string(got) != "me" || err != nil || asked != 3 {
		t.Errorf("%q, %v after %d", got, err, asked)
	}
}

func TestWhatIsRefusedOrMissingIsNotAskedAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.WriteHeader(map[string]int{"/gone": 404, "/mine": 403}[r.URL.Path])
	}))
	defer server.Close()
	w := Web{Base: server.URL + "/"}
	if _, err := w.Read(t.Context(), "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if text, err := Text(t.Context(), w, "gone"); text != "" || err != nil {
		t.Error(text, err)
	}
	if _, err := w.Read(t.Context(), "mine"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}

func TestAServerThatNeverAnswersIsGivenUpWithTheContext(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there now
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := (Web{Base: server.URL + "/"}).Read(ctx, "a"); err == nil {
		t.Error("no error")
	}
}

func TestADiskIsReadByTheSamePaths(t *testing.T) {
	d := Disk{FS: fstest.MapFS{"a/b": {Data: []byte("x")}}}
	if got, err := d.Read(t.Context(), "a/b"); string(got) != "x" || err != nil {
		t.Error(got, err)
	}
	if _, err := d.Read(t.Context(), "a/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
