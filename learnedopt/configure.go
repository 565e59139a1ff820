package learnedopt

import (
	"encoding/json"
	"fmt"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
)

// configure sets the fields of a rule from JSON and asks the rule whether it can work with them. An empty configuration leaves the
// rule as it is.
func configure(r Rule, text json.RawMessage) error {
	if len(text) > 0 {
		if err := config.Set(r, text); err != nil {
			return fmt.Errorf("learnedopt: configuration of rule %s: %w", brief.Quote(r.Name()), err)
		}
	}
	return Validate(r)
}
