package learnedopt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
)

// A Guard looks after the steps of a rule that one does not trust: [ClipStep] limits their length, [Graft] gives them another
// rule's, [LossCheck] takes back those that do worse than another rule's. What each costs and promises is said there.
type Guard interface {
	// stand has the guard stand beside g, which steps the weights of one run.
	stand(g *guard) error
	validate() error
	String() string // as in GuardNamed
}

// noGuard is the name of none.
const noGuard = "none"

func guardName(g Guard) string {
	if g == nil {
		return noGuard
	}
	return g.String()
}

// WithGuard has a guard look after the rule's steps; nil stands for none, the default, under which a rule that diverges
// diverges. The checks of [Trained.New] are there with any guard and without.
func WithGuard(g Guard) Option {
	return own("WithGuard", func(o *options) error {
		if o.choice = g; g == nil {
			return nil
		}
		return g.validate()
	})
}

// GuardNamed returns the guard of a name, as in files of settings: "none" (which is nil), "clip", "graft" or "loss-check", with
// the zero values of their settings. Behind the last two a fallback may stand in brackets, "graft(lion)", the name of any rule,
// see [Names].
func GuardNamed(text string) (Guard, error) {
	name, fallback, err := splitGuard(text)
	if err != nil {
		return nil, err
	}
	switch name {
	case noGuard:
		return nil, nil
	case "clip":
		return ClipStep{}, nil
	case "graft":
		return Graft{Fallback: fallback}, nil
	case "loss-check":
		return LossCheck{Fallback: fallback}, nil
	}
	return nil, fmt.Errorf("learnedopt: unknown guard %s; want none, clip, graft, graft(RULE), loss-check or loss-check(RULE)", brief.Quote(text))
}

// splitGuard tells the name of a guard from the rule in brackets, nil if there is none.
func splitGuard(text string) (name string, fallback Rule, err error) {
	name, rest, found := strings.Cut(text, "(")
	if !found {
		return name, nil, nil
	}
	inner, closed := strings.CutSuffix(rest, ")")
	if !closed || name != "graft" && name != "loss-check" {
		return text, nil, nil
	}
	fallback, err = Named(inner, nil)
	return name, fallback, err
}

// validateFallback reports what is wrong with a guard's fallback; nil is none.
func validateFallback(r Rule) error {
	if r == nil {
		return nil
	}
	if err := Validate(r); err != nil {
		return errors.New("the fallback: " + strings.TrimPrefix(err.Error(), "learnedopt: "))
	}
	return nil
}
