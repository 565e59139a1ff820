package meta_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// mixture is a mix of bowls of 3 and of 5 weights and of quadratics, of 10.
func mixture[F params.Float](t *testing.T) *mix.FamilyOf[F] {
	t.Helper()
	m, err := mix.New([]mix.MemberOf[F]{
		{Name: "three", Family: problemtest.BowlOf[F]{N: 3}, Weight: 1},
		{Name: "five", Family: problemtest.BowlOf[F]{N: 5}, Weight: 1},
		{Name: "ten", Family: inner.QuadraticOf[F]{}, Weight: 1},
	})
	require.NoError(t, err)
	return m
}

func mixedConfig[F params.Float](t *testing.T) meta.BPTTConfigOf[F] {
	return meta.BPTTConfigOf[F]{
		Rule: &lstm.Rule{Hidden: 4, Layers: 1}, Family: mixture[F](t), Horizon: 6, Window: 4, Copies: 2, Curriculum: []int{3}, Stage: 2,
	}
}

// Law: the conduct of an estimator, on a mix.
func TestMixedLaws(t *testing.T) {
	c := mixedConfig[float64](t)
	estimatortest.Run(t, estimatortest.Subject{
		New: func() (meta.EstimatorOf[float64], error) { return meta.NewMixed(c) }, Phi: mixedPhi[float64](c.Rule), Key: 5,
	})
}

func mixedPhi[F params.Float](r learnedopt.Rule) (phi []F) {
	for _, x := range learnedopt.Phi(r, 3) {
		phi = append(phi, F(x))
	}
	return phi
}

// Law: an episode on a mix is one on the member that its key chooses, and estimates are that member's own.
func TestMixedIsItsMembers(t *testing.T) {
	ctx, c := context.Background(), mixedConfig[float64](t)
	c.Curriculum = nil
	phi := mixedPhi[float64](c.Rule)
	mixed, err := meta.NewMixed(c)
	require.NoError(t, err)
	family, met := c.Family.(inner.MixOf[float64]), map[int]bool{}
	for key := uint64(0); len(met) < 3; key += 2 {
		member := family.Choose(key)
		met[member] = true
		c.Family = family.Members()[member]
		own, err := meta.NewBPTT(c)
		require.NoError(t, err)
		for window := range uint64(2) {
			want, got := make([]float64, len(phi)), make([]float64, len(phi))
			wantEst, err := own.Estimate(ctx, want, phi, key+window)
			require.NoError(t, err)
			gotEst, err := mixed.Estimate(ctx, got, phi, key+window)
			require.NoError(t, err)
			require.Equal(t, wantEst, gotEst)
			require.Equal(t, want, got)
		}
	}
}

// Law: what is saved between any two estimates goes on as if it had not been.
func TestMixedResumes(t *testing.T) {
	ctx, c := context.Background(), mixedConfig[float32](t)
	phi := mixedPhi[float32](c.Rule)
	whole, err := meta.NewMixed(c)
	require.NoError(t, err)
	parts, err := meta.NewMixed(c)
	require.NoError(t, err)
	for key := range uint64(12) {
		want, got := make([]float32, len(phi)), make([]float32, len(phi))
		wantEst, err := whole.Estimate(ctx, want, phi, key)
		require.NoError(t, err)
		gotEst, err := parts.Estimate(ctx, got, phi, key)
		require.NoError(t, err)
		require.Equal(t, wantEst, gotEst)
		require.Equal(t, want, got)

		f := &checkpoints.File{Meta: map[string]string{}}
		require.NoError(t, parts.Save(f, "e"))
		parts, err = meta.NewMixed(c)
		require.NoError(t, err)
		require.NoError(t, parts.Load(f, "e"))
	}
}

func TestMixedRefuses(t *testing.T) {
	c := mixedConfig[float32](t)
	_, err := meta.NewBPTT(c)
	require.EqualError(t, err, "meta: a mix of 3 families; want one of them, or NewMixed")
	m, err := meta.NewMixed(c)
	require.NoError(t, err)
	f := &checkpoints.File{Meta: map[string]string{}}
	f.Meta["e"] = `{"member":3,"live":true}`
	require.ErrorContains(t, m.Load(f, "e"), "member 3 of 3")
	f.Meta["e"] = `nothing`
	require.ErrorContains(t, m.Load(f, "e"), "meta: training checkpoint: e: ")
	c.Exact = true
	_, err = meta.NewMixed(c)
	require.ErrorContains(t, err, "needs Hessian-vector products")
	c.Window = 7
	_, err = meta.NewMixed(c)
	require.ErrorContains(t, err, "window 7")
}
