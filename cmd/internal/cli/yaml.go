package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// readConfig returns the text of each value in a YAML document whose keys are names of flags.
//
// It is strict, since a misspelt key that is silently ignored costs a night of training: the whole file must make
// sense, also the values that a flag or an environment variable overrides. Aliases are refused, which keeps the work in
// proportion to the length of the file.
func readConfig(path string, text []byte, flags []*kong.Flag) (map[string]string, error) {
	root, err := parseYAML(path, text)
	if err != nil || root == nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: want a mapping of flags to values, such as \"seed: 2\", got %s", path, kind(root))
	}
	values, lines := make(map[string]string), make(map[string]int)
	for i := 0; i+1 < len(root.Content); i += 2 {
		at, value := root.Content[i], root.Content[i+1]
		key, line := at.Value, at.Line
		if at.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%s:%d: want the name of a flag for a key, got %s", path, line, kind(at))
		}
		if first, twice := lines[key]; twice {
			return nil, fmt.Errorf("%s:%d: key %s is there already, on line %d", path, line, quote(key), first)
		}
		lines[key] = line
		f := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == key })
		if f < 0 {
			return nil, fmt.Errorf("%s:%d: %w", path, line, unknownKey(key, flags))
		}
		text, err := flagText(flags[f], value)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", path, line, key, err)
		}
		values[key] = text
	}
	return values, nil
}

func unknownKey(key string, flags []*kong.Flag) error {
	var names []string
	for _, f := range flags {
		names = append(names, f.Name)
	}
	if name := nearest(key, names); name != "" {
		return fmt.Errorf("unknown key %s, did you mean %q?", quote(key), name)
	}
	return fmt.Errorf("unknown key %s; keys are the names of flags, which --help lists", quote(key))
}

// syntaxError is how the parser words that a text is no YAML.
var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// plainSyntax words such an error in our way. The parser counts lines from 0 where it misses something, and from 1
// elsewhere.
func plainSyntax(path string, err error) error {
	message := foldLines(err.Error())
	if m := syntaxError.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		if line, err := strconv.Atoi(m[1]); err == nil {
			if strings.HasPrefix(message, "did not find expected") {
				line++
			}
			path = fmt.Sprintf("%s:%d", path, line)
		}
	}
	return fmt.Errorf("%s: %s", path, message)
}

// parseYAML returns the root of the one document in the file, nil if it is empty. The parser takes no deeper nesting than
// 10,000, and time in proportion to the length of the text.
func parseYAML(path string, text []byte) (*yaml.Node, error) {
	var roots []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, plainSyntax(path, err)
		}
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 && !null(doc.Content[0]) {
			roots = append(roots, doc.Content[0])
		}
	}
	switch len(roots) {
	case 0:
		return nil, nil
	case 1:
		return roots[0], nil
	}
	return nil, fmt.Errorf("%s: want one YAML document, got %d", path, len(roots))
}

// flagText returns the value of a flag as it would be written on the command line, once the flag has accepted it.
func flagText(flag *kong.Flag, node *yaml.Node) (string, error) {
	text, err := valueText(flag, node)
	if err != nil {
		return "", err
	}
	return text, accept(flag, text)
}

// valueText returns the text of one value, of a sequence of values joined the way the flag splits them, or of a mapping as
// the JSON that the flag takes.
func valueText(flag *kong.Flag, node *yaml.Node) (string, error) {
	target := flag.Target.Type()
	if target.Kind() == reflect.Pointer {
		target = target.Elem()
	}
	switch {
	case node.Kind == yaml.MappingNode && target == reflect.TypeFor[JSON]():
		value, err := jsonValue(node)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(value)
		return string(text), err
	case node.Kind != yaml.SequenceNode:
		return scalarText(node)
	case target.Kind() != reflect.Slice || flag.Tag.Sep < 0:
		// Not flag.IsSlice, which means unnamed types only, and so neither Names nor Widths.
		return "", errors.New("want one value, got a list")
	}
	var parts []string
	for _, v := range node.Content {
		part, err := scalarText(v)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return kong.JoinEscaped(parts, flag.Tag.Sep), nil
}

// scalarText returns what stands in the file, unquoted but otherwise untouched: 1e-3 stays 1e-3.
func scalarText(node *yaml.Node) (string, error) {
	switch {
	case node.Kind != yaml.ScalarNode || null(node) || special(node):
		return "", fmt.Errorf("want a plain value, got %s", kind(node))
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return strings.TrimSpace(node.Value), nil
	}
	return node.Value, nil
}

// jsonValue returns a value with all that is in it, for JSON.
func jsonValue(node *yaml.Node) (any, error) {
	switch {
	case special(node):
		return nil, fmt.Errorf("want plain values, got %s", kind(node))
	case node.Kind == yaml.MappingNode:
		object := make(map[string]any)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, err := scalarText(node.Content[i])
			if err != nil {
				return nil, err
			}
			if _, twice := object[key]; twice {
				return nil, fmt.Errorf("key %s is there twice", quote(key))
			}
			if object[key], err = jsonValue(node.Content[i+1]); err != nil {
				return nil, err
			}
		}
		return object, nil
	case node.Kind == yaml.SequenceNode:
		list := []any{}
		for _, n := range node.Content {
			v, err := jsonValue(n)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("%s: %w", quote(node.Value), err)
	}
	return value, nil
}

func null(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }

// special reports what is more than a value written down.
func special(node *yaml.Node) bool {
	return node.Kind == yaml.AliasNode || node.Anchor != "" || node.Style&yaml.TaggedStyle != 0
}

// kind names what a node is, for an error.
func kind(node *yaml.Node) string {
	switch {
	case special(node):
		return "an anchor, alias or tag"
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case null(node):
		return "nothing"
	}
	return quote(node.Value)
}
