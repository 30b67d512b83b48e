package modules

import "strings"

// Glob matches as fnmatch(3) does without flags, which is what aliases are
// written for: `*`, `?` and `[...]`, where `*` also matches a slash.
func Glob(pattern, name string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			pattern = strings.TrimLeft(pattern, "*")
			if pattern == "" {
				return true
			}
			for i := 0; i <= len(name); i++ {
				if Glob(pattern, name[i:]) {
					return true
				}
			}
			return false
		case '?':
			if name == "" {
				return false
			}
			pattern, name = pattern[1:], name[1:]
		case '[':
			end := strings.IndexByte(pattern, ']')
			if end < 0 || name == "" || !inClass(pattern[1:end], name[0]) {
				return false
			}
			pattern, name = pattern[end+1:], name[1:]
		default:
			if name == "" || pattern[0] != name[0] {
				return false
			}
			pattern, name = pattern[1:], name[1:]
		}
	}
	return name == ""
}

func inClass(class string, c byte) bool {
	negated := strings.HasPrefix(class, "!")
	class = strings.TrimPrefix(class, "!")
	for i := 0; i < len(class); i++ {
		if i+2 < len(class) && class[i+1] == '-' {
			if class[i] <= c && c <= class[i+2] {
				return !negated
			}
			i += 2
		} else if class[i] == c {
			return !negated
		}
	}
	return negated
}
