package credittest

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// copyOf returns a new rule with the settings of l's.
func (l laws[F]) copyOf() (credit.RuleOf[F], reflect.Value) {
	v := reflect.Indirect(reflect.ValueOf(l.rule))
	fresh := reflect.New(v.Type())
	fresh.Elem().Set(v)
	return fresh.Interface().(credit.RuleOf[F]), fresh.Elem()
}

func (l laws[F]) json(t *testing.T) {
	require.NotEmpty(t, l.rule.Name())
	config, err := json.Marshal(l.rule)
	require.NoError(t, err)
	want, _ := l.copyOf()
	got, v := l.copyOf()
	v.SetZero()
	require.NoError(t, json.Unmarshal(config, got))
	assert.Equal(t, want, got)
}

// settings checks that each number which no setting can be is an error that names rule and setting.
func (l laws[F]) settings(t *testing.T) {
	net := l.net(t, problemtest.Images(5, 4), 3, 7)
	_, first := l.copyOf()
	for _, f := range reflect.VisibleFields(first.Type()) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		require.NotEmpty(t, name, "setting %s has a name in JSON", f.Name)
		for _, bad := range wrong(f.Type.Kind(), slices.Contains(l.Signed, name)) {
			r, v := l.copyOf()
			v.FieldByIndex(f.Index).Set(reflect.ValueOf(bad).Convert(f.Type))
			_, err := r.Bind(net, 3)
			if assert.Error(t, err, "%s is %v", name, bad) {
				assert.Contains(t, err.Error(), name, "the error names the setting")
				assert.Contains(t, err.Error(), r.Name(), "the error names the rule")
			}
		}
	}
}

// wrong returns values that a setting must not have.
func wrong(kind reflect.Kind, signed bool) []any {
	switch {
	case kind == reflect.Float64 && signed:
		return []any{math.NaN(), math.Inf(1), math.Inf(-1)}
	case kind == reflect.Float64:
		return []any{-1.0, math.NaN(), math.Inf(1), math.Inf(-1)}
	case kind == reflect.Int && !signed:
		return []any{-1}
	case kind == reflect.String:
		return []any{"no such thing"}
	}
	return nil
}
