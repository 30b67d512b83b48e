package provider

import (
	"encoding/json"
	"fmt"
	"strings"
)

// parseMeta reads cloud-init's meta-data: JSON, or of YAML what such files are
// made of: `key: value`, and lists of values below a key. Deeper structures are
// skipped: nothing that is taken from here has any.
func parseMeta(text []byte) (map[string][]string, error) {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return parseJSON(text)
	}
	values := map[string][]string{}
	key := ""
	for number, line := range strings.Split(string(text), "\n") {
		body := strings.TrimSpace(line)
		switch {
		case body == "" || body[0] == '#' || body == "---" || body == "...":
		case strings.HasPrefix(body, "- "):
			if key == "" {
				return nil, fmt.Errorf("line %d: an item without a key", number+1)
			}
			values[key] = append(values[key], scalar(body[2:]))
		case line[0] == ' ' || line[0] == '\t': // of a mapping: public-keys may be one, of names to keys
			_, value, ok := strings.Cut(body, ": ")
			if key == "" || !ok && !strings.HasSuffix(body, ":") {
				return nil, fmt.Errorf("line %d: neither `key: value` nor an item", number+1)
			}
			if value = scalar(value); value != "" {
				values[key] = append(values[key], value)
			}
		default:
			name, value, ok := strings.Cut(body, ":")
			if !ok || value != "" && value[0] != ' ' {
				return nil, fmt.Errorf("line %d: neither `key: value` nor an item", number+1)
			}
			key = name
			values[key] = nil
			if value = scalar(value); strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]") {
				for _, item := range strings.Split(value[1:len(value)-1], ",") {
					values[key] = append(values[key], scalar(item))
				}
			} else if value != "" {
				values[key] = []string{value}
			}
		}
	}
	return values, nil
}

// scalar takes a value out of its quotes.
func scalar(text string) string {
	text = strings.TrimSpace(text)
	if n := len(text); n > 1 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	if before, _, found := strings.Cut(text, " #"); found {
		return strings.TrimSpace(before)
	}
	return text
}

func parseJSON(text []byte) (map[string][]string, error) {
	var top map[string]any
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, err
	}
	values := map[string][]string{}
	for key, value := range top {
		switch v := value.(type) {
		case string:
			values[key] = []string{v}
		case []any:
			for _, item := range v {
				if s, ok := item.(string); ok {
					values[key] = append(values[key], s)
				}
			}
		case map[string]any:
			for _, item := range v {
				if s, ok := item.(string); ok {
					values[key] = append(values[key], s)
				}
			}
		}
	}
	return values, nil
}
