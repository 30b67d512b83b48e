package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// entry is a file (content) or a directory (entries) of LinuxKit's userdata.
type entry struct {
	Perm    string           `json:"perm"`
	Content *string          `json:"content"`
	Entries map[string]entry `json:"entries"`
}

// userdata makes the files that userdata describes, where it is a JSON object.
// Anything else, such as cloud-init's, is only kept.
func userdata(root *os.Root, text []byte) []error {
	trimmed := bytes.TrimSpace(text)
	if !bytes.HasPrefix(trimmed, []byte("{")) {
		return nil
	}
	var top map[string]entry
	if err := json.Unmarshal(trimmed, &top); err != nil {
		return []error{fmt.Errorf("userdata begins as JSON, but: %w", err)}
	}
	var errs []error
	for _, name := range sorted(top) {
		errs = append(errs, lay(root, name, name, top[name])...)
	}
	return errs
}

func lay(root *os.Root, name, path string, e entry) []error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return []error{fmt.Errorf("userdata: %q is no name of a file", path)}
	}
	switch {
	case e.Content != nil && e.Entries == nil:
		mode, err := parseMode(e.Perm, 0o644)
		if err == nil {
			err = put(root, name, []byte(*e.Content), mode)
		}
		return wrap(path, err)
	case e.Content == nil && e.Entries != nil:
		mode, err := parseMode(e.Perm, 0o755)
		if err != nil {
			return wrap(path, err)
		}
		dir, err := folder(root, name, mode)
		if err != nil {
			return wrap(path, err)
		}
		defer dir.Close()
		var errs []error
		for _, below := range sorted(e.Entries) {
			errs = append(errs, lay(dir, below, path+"/"+below, e.Entries[below])...)
		}
		return errs
	}
	return wrap(path, errors.New("an entry has either content or entries"))
}

func wrap(path string, err error) []error {
	if err == nil {
		return nil
	}
	return []error{fmt.Errorf("userdata: %s: %w", path, err)}
}

func parseMode(text string, otherwise fs.FileMode) (fs.FileMode, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("perm %q is no mode", text)
	}
	return fs.FileMode(n), nil
}
