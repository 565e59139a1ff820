package learnedopt_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/params"
)

func TestSaveAndLoad(t *testing.T) {
	for _, r := range append(learnedopt.All(), &lstm.Rule{Hidden: 3, Layers: 1, Scale: 0.5, Preprocess: -1}) {
		path := filepath.Join(t.TempDir(), "rule.safetensors")
		saved := &learnedopt.Trained{Rule: r, Phi: learnedopt.Phi(r, 5), Provenance: map[string]string{"problem": "bowl"}}
		require.NoError(t, saved.Save(path))
		loaded, err := learnedopt.Load(path)
		require.NoError(t, err)
		require.Equal(t, saved.Phi, loaded.Phi)
		require.Equal(t, saved.Provenance, loaded.Provenance)
		require.Equal(t, saved.Rule.Name(), loaded.Rule.Name())
		want, err := json.Marshal(saved.Rule)
		require.NoError(t, err)
		got, err := json.Marshal(loaded.Rule)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))

		if len(r.Spec().Reads.Senses()) > 0 {
			continue // see TestEveryRuleIsReadBack
		}
		theta := []float32{1, -1}
		a, err := saved.New(vector(2))
		require.NoError(t, err)
		b, err := loaded.New(vector(2))
		require.NoError(t, err)
		require.Equal(t, trajectory(t, a, theta, 0, 3), trajectory(t, b, theta, 0, 3))
	}
}

func TestSaveRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rule.safetensors")
	short := &learnedopt.Trained{Rule: new(handmade.Adam), Phi: make([]float32, 3)}
	require.ErrorContains(t, short.Save(path), path+": saving: rule \"adam\": 3 meta-parameters for a layout of 4")
	require.NoFileExists(t, path)

	missing := filepath.Join(filepath.Dir(path), "no", "rule.safetensors")
	fine := &learnedopt.Trained{Rule: new(handmade.SGD), Phi: make([]float32, 1)}
	require.ErrorIs(t, fine.Save(missing), os.ErrNotExist)
}

// Whatever is wrong with a file, the error says which file and what is wrong.
func TestLoadRefuses(t *testing.T) {
	small := &lstm.Rule{Hidden: 4, Layers: 1}
	rule := func(r checkpoints.Rule) func(path string) error {
		return func(path string) error { return checkpoints.SaveRule(path, r) }
	}
	for _, tt := range []struct {
		name  string
		write func(path string) error
		is    error
		want  string
	}{
		{"missing", func(string) error { return nil }, os.ErrNotExist, "no such file"},
		{"text", func(path string) error { return os.WriteFile(path, []byte("learning rate 0.1\n"), 0o600) },
			checkpoints.ErrFormat, "no safetensors file"},
		{"truncated", func(path string) error {
			if err := (&learnedopt.Trained{Rule: small, Phi: learnedopt.Phi(small, 1)}).Save(path); err != nil {
				return err
			}
			return os.Truncate(path, 1200)
		}, checkpoints.ErrFormat, "truncated"},
		{"of another kind", func(path string) error { return (&checkpoints.File{Kind: "training"}).Save(path) },
			checkpoints.ErrKind, `"training"`},
		{"unknown rule", rule(checkpoints.Rule{Name: "telepathy"}), nil, `unknown rule "telepathy"; want one of sgd, `},
		{"unknown field", rule(checkpoints.Rule{
			Name: "sgd", Config: json.RawMessage(`{"lr":1,"warmup":10}`), Layout: new(handmade.SGD).Spec().Phi, Phi: []float32{0},
		}), nil, `configuration of rule "sgd": json: unknown field "warmup"`},
		{"bad value", rule(checkpoints.Rule{
			Name: "sgd", Config: json.RawMessage(`{"lr":-1}`), Layout: new(handmade.SGD).Spec().Phi, Phi: []float32{0},
		}), nil, "lr is -1, want a number above 0"},
		{"other hidden size", rule(checkpoints.Rule{
			Name: "lstm", Config: json.RawMessage(`{"hidden":5,"layers":1}`), Layout: small.Spec().Phi, Phi: learnedopt.Phi(small, 1),
		}), nil, "another layout: tensor 0 is lstm.weight_ih_l0[16 2], want lstm.weight_ih_l0[20 2]"},
		{"missing tensor", rule(checkpoints.Rule{
			Name: "adam", Layout: params.Layout{{Name: "log_lr", Shape: []int{1}}}, Phi: []float32{0},
		}), nil, "another layout: tensor logit_beta1[1] is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rule.safetensors")
			require.NoError(t, tt.write(path))
			_, err := learnedopt.Load(path)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, 1, strings.Count(err.Error(), path), "%v", err)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
		})
	}
}

// A number that is none, in phi, is found before it is written and when it is read; the error says where it is.
func TestPhiThatIsNotFinite(t *testing.T) {
	for bad, name := range map[float32]string{float32(math.Inf(1)): "+Inf", float32(math.Inf(-1)): "-Inf", float32(math.NaN()): "NaN"} {
		tr := trained(&lstm.Rule{Hidden: 4, Layers: 1})
		tr.Phi[16*2+5*4+3] = bad
		want := `element 23 of tensor "lstm.weight_hh_l0" is ` + name + "; want finite meta-parameters"
		path := filepath.Join(t.TempDir(), "rule.safetensors")
		require.ErrorContains(t, tr.Save(path), want)
		require.NoFileExists(t, path)

		config, err := json.Marshal(tr.Rule)
		require.NoError(t, err)
		f := &checkpoints.File{Kind: checkpoints.KindRule, Meta: map[string]string{"rule": "lstm", "config": string(config)}}
		checkpoints.Put(f, "", tr.Rule.Spec().Phi, tr.Phi)
		require.NoError(t, f.Save(path))
		_, err = learnedopt.Load(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

// A small file can't ask for much: what it asks for is looked at before it is built.
func TestLoadBuildsNothingHuge(t *testing.T) {
	tr := trained(&lstm.Rule{Hidden: 4, Layers: 1})
	for config, want := range map[string]string{
		`{"layers":1000000000}`:                         "lstm of 1000000000 layers of 20 units; want at most 16 layers of 1024 units",
		`{"layers":10000000}`:                           "want at most 16 layers of 1024 units",
		`{"hidden":2147483647}`:                         "want at most 16 layers of 1024 units",
		`{"hidden":9223372036854775807,"layers":17}`:    "want at most 16 layers of 1024 units",
		`{"hidden":1024,"layers":16}`:                   "another layout",
		`{"layers":1` + strings.Repeat("0", 5000) + `}`: `into field "layers" of type int`,
		`{"layers":1e7}`:                                `cannot unmarshal number 1e7 into field "layers" of type int`,
	} {
		path := filepath.Join(t.TempDir(), "rule.safetensors")
		require.NoError(t, checkpoints.SaveRule(path, checkpoints.Rule{
			Name: "lstm", Config: json.RawMessage(config), Layout: tr.Rule.Spec().Phi, Phi: tr.Phi,
		}))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := learnedopt.Load(path)
		runtime.ReadMemStats(&after)
		require.ErrorContains(t, err, want)
		require.Less(t, len(err.Error())-len(path), 300)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	}
}
