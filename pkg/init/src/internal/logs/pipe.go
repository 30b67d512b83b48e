package logs

import (
	"io"
	"os"
)

// Pipe gives a file to write to; what is written there goes to the log until
// all its copies are closed. Drained is closed when all was taken over.
func Pipe(l *Log) (w *os.File, drained <-chan struct{}, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.Close()
		buf := make([]byte, 4096)
		io.CopyBuffer(struct{ io.Writer }{l}, struct{ io.Reader }{r}, buf)
	}()
	return w, done, nil
}
