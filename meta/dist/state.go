package dist

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/meta"
)

// A member's state is a checkpoint file of this kind, in which all names begin with the root.
const (
	kindState = "member"
	rootState = "member"
)

// pack returns as bytes what an estimator carries.
func pack(r meta.Resumable) ([]byte, error) {
	f := &checkpoints.File{Kind: kindState, Meta: make(map[string]string)}
	if err := r.Save(f, rootState); err != nil {
		return nil, err
	}
	return encode(f)
}

// unpack has an estimator carry it.
func unpack(r meta.Resumable, state []byte) error {
	f, err := decode(state)
	if err != nil {
		return err
	}
	return r.Load(f, rootState)
}

func encode(f *checkpoints.File) ([]byte, error) {
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		return nil, fmt.Errorf("dist: a member's state: %w", err)
	}
	return b.Bytes(), nil
}

func decode(state []byte) (*checkpoints.File, error) {
	f, err := checkpoints.Read(bytes.NewReader(state), kindState)
	if err != nil {
		return nil, fmt.Errorf("dist: a member's state: %w", err)
	}
	return f, nil
}

// insert adds a member's state to a file under a prefix, as the estimator itself would have saved it there.
func insert(f *checkpoints.File, prefix string, state []byte) error {
	from, err := decode(state)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(from.Meta)) {
		f.Meta[renamed(key, rootState, prefix)] = from.Meta[key]
	}
	for _, t := range from.Tensors {
		t.Name = renamed(t.Name, rootState, prefix)
		f.Tensors = append(f.Tensors, t)
	}
	return nil
}

// extract is the way back.
func extract(f *checkpoints.File, prefix string) ([]byte, error) {
	to := &checkpoints.File{Kind: kindState, Meta: make(map[string]string)}
	for key, text := range f.Meta {
		if of(key, prefix) {
			to.Meta[renamed(key, prefix, rootState)] = text
		}
	}
	for _, t := range f.Tensors {
		if of(t.Name, prefix) {
			t.Name = renamed(t.Name, prefix, rootState)
			to.Tensors = append(to.Tensors, t)
		}
	}
	return encode(to)
}

// of reports whether a name is that of the prefix, or of a part of it.
func of(name, prefix string) bool { return name == prefix || strings.HasPrefix(name, prefix+".") }

func renamed(name, from, to string) string { return to + strings.TrimPrefix(name, from) }
