package cli

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A configFile gives kong the values of a YAML file of flag names and values. A value means what the same text would
// mean on the command line, so one parser, that of the flag, judges both.
//
// It is strict, since a misspelt key that is silently ignored costs a night of training: the whole file must make
// sense, also the values that a flag or an environment variable overrides.
type configFile struct {
	loaded bool
	values map[string]string // flag name to the text of its value
}

var _ kong.Resolver = (*configFile)(nil)

// Validate does nothing: load has refused what is wrong.
func (c *configFile) Validate(*kong.Application) error { return nil }

// Resolve returns the text that the file has for a flag. Kong asks only for flags that are not among the arguments,
// but it would let the answer win over the environment.
func (c *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Tag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	if text, ok := c.values[flag.Name]; ok {
		return text, nil
	}
	return nil, nil
}

// load reads the file that --config names. It is a hook of kong, which calls it once for each argument.
func (c *configFile) load(ctx *kong.Context) error {
	if c.loaded {
		return nil
	}
	c.loaded = true
	flags := allFlags(ctx.Model)
	at := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == "config" })
	if at < 0 {
		return nil
	}
	path := fmt.Sprint(ctx.FlagValue(flags[at]))
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config: %s: %w", path, reason(err))
	}
	c.values, err = readConfig(path, text, slices.Delete(flags, at, at+1))
	return err
}

// readConfig returns the text of each value in a YAML document whose keys are names of flags.
func readConfig(path string, text []byte, flags []*kong.Flag) (map[string]string, error) {
	root, err := parseYAML(path, text)
	if err != nil || root == nil {
		return nil, err
	}
	pairs, ok := root.(ast.MapNode)
	if !ok {
		return nil, fmt.Errorf("%s: want a mapping of flags to values, got %s; keys are %s", path, kind(root), keyList(flags))
	}
	values, lines := make(map[string]string), make(map[string]int)
	for pair := pairs.MapRange(); pair.Next(); {
		key, line := keyText(pair.Key()), pair.Key().GetToken().Position.Line
		if first, twice := lines[key]; twice {
			return nil, fmt.Errorf("%s:%d: key %q is there already, on line %d", path, line, key, first)
		}
		lines[key] = line
		at := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == key })
		if at < 0 {
			return nil, fmt.Errorf("%s:%d: unknown key %q; keys are %s", path, line, key, keyList(flags))
		}
		value, err := flagText(flags[at], pair.Value())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", path, line, key, err)
		}
		values[key] = value
	}
	return values, nil
}

// parseYAML returns the root of the one document in the file, nil if it is empty.
func parseYAML(path string, text []byte) (ast.Node, error) {
	// Repeated keys are let through here because readConfig words that error better.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// The error's own text is a picture of the file, several lines high.
		var e yaml.Error
		if errors.As(err, &e) && e.GetToken() != nil {
			return nil, fmt.Errorf("%s:%d: %s", path, e.GetToken().Position.Line, foldLines(e.GetMessage()))
		}
		return nil, fmt.Errorf("%s: %s", path, foldLines(err.Error()))
	}
	var roots []ast.Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode:
		default:
			roots = append(roots, doc.Body)
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
func flagText(flag *kong.Flag, node ast.Node) (string, error) {
	text, err := valueText(flag, node)
	if err != nil {
		return "", err
	}
	scratch := reflect.New(flag.Target.Type()).Elem()
	if scratch.Kind() == reflect.Pointer { // a flag that may stay nil; its parser wants to be called on something
		scratch.Set(reflect.New(scratch.Type().Elem()))
	}
	scan := kong.ScanAsType(kong.FlagValueToken, text)
	return text, flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, scratch)
}

// valueText returns the text of one value, or of a sequence of values joined the way the flag splits them.
func valueText(flag *kong.Flag, node ast.Node) (string, error) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return scalarText(node)
	}
	// Not flag.IsSlice, which means unnamed types only, and so neither Names nor Widths.
	if flag.Target.Kind() != reflect.Slice || flag.Tag.Sep < 0 {
		return "", errors.New("want one value, got a list")
	}
	var parts []string
	for _, v := range sequence.Values {
		part, err := scalarText(v)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return kong.JoinEscaped(parts, flag.Tag.Sep), nil
}

// scalarText returns what stands in the file, unquoted but otherwise untouched: 1e-3 stays 1e-3.
func scalarText(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return "", fmt.Errorf("want a plain value, got %s", kind(node))
}

// keyText returns a key without its quotes.
func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return key.GetToken().Value
}

// kind names what a node is, for an error.
func kind(node ast.Node) string {
	switch node.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "an anchor, alias or tag"
	}
	return fmt.Sprintf("%q", node.GetToken().Value)
}

// keyList names the keys a file may have.
func keyList(flags []*kong.Flag) string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
