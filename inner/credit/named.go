package credit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/params"
)

// list has every rule once, with its defaults, in the order in which they are shown.
func list[F params.Float]() []RuleOf[F] {
	return []RuleOf[F]{
		&BackpropOf[F]{},
		&FeedbackAlignmentOf[F]{},
		&FixedSignOf[F]{},
		&BatchSignOf[F]{},
		&UniformSignOf[F]{},
		&KolenPollackOf[F]{},
		&DirectOf[F]{},
		&TargetProjectionOf[F]{},
		&TargetOf[F]{},
		&DifferenceTargetOf[F]{},
		&DifferenceReconstructionOf[F]{},
		&DirectTargetOf[F]{},
		&PredictiveCodingOf[F]{},
		&IncrementalPCOf[F]{},
		&FixedPredictionOf[F]{},
		&ZILOf[F]{},
		&DNIOf[F]{},
		&CDNIOf[F]{},
		&BPLambdaOf[F]{},
		&NoneOf[F]{},
	}
}

// Names returns the names of all rules.
func Names() []string {
	var names []string
	for _, r := range list[float32]() {
		names = append(names, r.Name())
	}
	return names
}

// aliases are other words for rules, which Named knows too.
var aliases = map[string]string{"sign-symmetry": "frsf"}

// Named returns a new rule by its name, with settings from JSON where config is not empty. An unknown name or setting is an
// error.
func Named[F params.Float](name string, config json.RawMessage) (RuleOf[F], error) {
	if full, ok := aliases[name]; ok {
		name = full
	}
	for _, r := range list[F]() {
		if r.Name() != name {
			continue
		}
		if len(config) == 0 {
			return r, nil
		}
		d := json.NewDecoder(bytes.NewReader(config))
		d.DisallowUnknownFields()
		if err := d.Decode(r); err != nil {
			return nil, fmt.Errorf("credit: %s: settings %s: %w", name, config, err)
		}
		return r, nil
	}
	return nil, fmt.Errorf("credit: no rule %q; there are %s", name, strings.Join(Names(), ", "))
}
