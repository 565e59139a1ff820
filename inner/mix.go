package inner

import "github.com/seed1498fded/unroll/params"

// MixOf is implemented by families that are a choice among others: each member has a layout of its own, so that a rule can be
// learned on problems that differ in more than their numbers. Where one layout is wanted, one works with members.
type MixOf[F params.Float] interface {
	FamilyOf[F] // Sample(key) is what member Choose(key) has under the key

	// Members returns the families that are chosen from, at least one, none of which is a mix.
	Members() []FamilyOf[F]

	// Choose returns the index of the member that the problem named by key is of.
	Choose(key uint64) int
}

// Mix is the form in use.
type Mix = MixOf[float32]

// MembersOf returns the members of a family that is a mix, and otherwise the family itself.
func MembersOf[F params.Float](f FamilyOf[F]) []FamilyOf[F] {
	if m, ok := f.(MixOf[F]); ok {
		return m.Members()
	}
	return []FamilyOf[F]{f}
}

// ChooseOf returns the index, among MembersOf, of the member that the problem named by key is of.
func ChooseOf[F params.Float](f FamilyOf[F], key uint64) int {
	if m, ok := f.(MixOf[F]); ok {
		return m.Choose(key)
	}
	return 0
}
