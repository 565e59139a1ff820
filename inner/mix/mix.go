// Package mix makes one family of problems of many, to learn rules on that travel: a choice among families of different layouts,
// and the same family in other units or from other starts.
package mix

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// The parts of a problem's key that are drawn here are children of it that no family uses.
const (
	keyChoice = 'M'<<8 + iota
	keyOwn
	keyUnits
	keySignal
	keyScale
)

// A MemberOf is one of the families of a mix.
type MemberOf[F params.Float] struct {
	Name   string
	Family inner.FamilyOf[F]
	Weight float64 // how often it is chosen, in proportion to the others'; above 0
}

// FamilyOf is a choice among families: an inner.MixOf. Make it with New.
type FamilyOf[F params.Float] struct {
	members  []MemberOf[F]
	families []inner.FamilyOf[F]
	up       []float64 // the sums of weights up to each member
}

// The forms in use.
type (
	Member = MemberOf[float32]
	Family = FamilyOf[float32]
)

var _ inner.Mix = (*Family)(nil)

// New returns a mix of members. No members, a weight that is not above 0 and finite, and a member that is a mix itself are errors.
func New[F params.Float](members []MemberOf[F]) (*FamilyOf[F], error) {
	if len(members) == 0 {
		return nil, errors.New("mix: no members")
	}
	m := &FamilyOf[F]{members: members}
	sum := 0.0
	for _, each := range members {
		if !(each.Weight > 0) || math.IsInf(each.Weight, 1) {
			return nil, fmt.Errorf("mix: %s has weight %v; want a number above 0", each.Name, each.Weight)
		}
		if _, mixed := each.Family.(inner.MixOf[F]); mixed {
			return nil, fmt.Errorf("mix: %s is a mix itself", each.Name)
		}
		sum += each.Weight
		m.up, m.families = append(m.up, sum), append(m.families, each.Family)
	}
	return m, nil
}

// Members implements inner.MixOf.
func (m *FamilyOf[F]) Members() []inner.FamilyOf[F] { return m.families }

// Name returns the name of a member.
func (m *FamilyOf[F]) Name(member int) string { return m.members[member].Name }

// Choose implements inner.MixOf.
func (m *FamilyOf[F]) Choose(key uint64) int {
	x := rng.New(rng.Split(key, keyChoice)).Float64() * m.up[len(m.up)-1]
	for i, up := range m.up {
		if x < up {
			return i
		}
	}
	return len(m.up) - 1
}

// Sample implements inner.FamilyOf.
func (m *FamilyOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	return m.families[m.Choose(key)].Sample(key)
}
