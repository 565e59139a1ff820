package es

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
)

// A Method is a way to estimate. In all of them pairs of branches go under phi + ε and phi − ε, with ε from N(0, σ²) for each
// number of phi, on the same problems, starts and minibatches; D is the difference of their losses, and a pair's estimate a sum
// of perturbations times differences over 2σ². The estimate is the mean over the pairs.
type Method string

// The methods.
const (
	// Full is evolution strategies over whole episodes, with antithetic pairs (Salimans et al. 2017): ε·D, with D of what the
	// objective makes of an episode's losses.
	Full Method = "es"

	// Truncated is evolution strategies over windows (Metz et al. 2019): ε·D, where the branches part anew at the beginning of
	// each window, from a common state. It is biased as truncated backpropagation is.
	Truncated Method = "truncated-es"

	// PES is persistent evolution strategies (Vicol, Metz and Sohl-Dickstein 2021): both branches go on from window to window, ε
	// is drawn anew for each, and D is weighted by ξ, the sum of the ε since the episode began.
	PES Method = "pes"

	// NRES is noise-reuse evolution strategies (Li et al. 2023): both branches go on, and ε is drawn once an episode.
	NRES Method = "nres"

	// GPES is generalized PES (Li et al. 2023): both branches go on, and ε is drawn anew every K steps of an episode. With K the
	// window it is PES, but that PES keeps its draw to the end of a window in which an episode ends; from K = horizon on it is NRES.
	GPES Method = "gpes"
)

// Methods returns all methods.
func Methods() []Method { return []Method{Full, Truncated, PES, NRES, GPES} }

// Names returns their names.
func Names() []string {
	var names []string
	for _, m := range Methods() {
		names = append(names, string(m))
	}
	return names
}

// A Form says which of two variants of Truncated and PES is meant.
type Form string

const (
	// Unbiased is the default: the loss that an episode ends with is weighted by ξ like those before, the next episode begins
	// within the same window, and truncated ES carries on a third branch, under phi itself.
	Unbiased Form = "unbiased"

	// LearnedOptimization does as google/learned_optimization does: the loss that an episode ends with is weighted by the window's
	// ε alone, which makes PES a little biased; the step after it only resets and does not count; and truncated ES carries on the
	// branch under phi + ε.
	LearnedOptimization Form = "learned_optimization"
)

// Settings are the numbers of a method. The zero value works.
//
// With Sign a difference counts as its sign: in Full that of an episode; in LearnedOptimization each step of a window as the sign of
// the window's mean difference; else each step as that of as much of the window as has one ξ. With Shortest the lengths of episodes
// are drawn from there to the horizon, uniformly in the logarithm.
type Settings struct {
	Method   Method  `json:"-"`                  // PES if empty
	Pairs    int     `json:"pairs"`              // pairs of branches; 16 if zero
	Sigma    float64 `json:"sigma"`              // σ, the standard deviation of perturbations; 0.01 if zero
	Sign     bool    `json:"sign,omitempty"`     // take a difference's sign in its place: see below
	Clip     float64 `json:"clip,omitempty"`     // the largest difference, in Full of an episode, else of a step; none if zero
	Cap      float64 `json:"cap,omitempty"`      // the largest loss, and what one that is not finite counts as; none if zero
	K        int     `json:"k,omitempty"`        // of GPES: steps between two draws; 10 if zero
	Form     Form    `json:"form,omitempty"`     // of Truncated and PES; Unbiased if empty
	Together bool    `json:"together,omitempty"` // all pairs begin their first episodes at full length, so that all end together
	Shortest int     `json:"shortest,omitempty"` // the least length of an episode; the horizon if zero
	End      float64 `json:"end,omitempty"`      // what a loss in an episode's last tenth counts, others count 1, all divided by their mean; 1 if zero; not for Full

	// WindowClip is the largest mean difference of a window: where it would be larger, the window's whole part of the estimate is scaled
	// down. No bound if zero; not for Full.
	WindowClip float64 `json:"window_clip,omitempty"`
	Control    Control `json:"control,omitempty"` // a control variate; none if empty

	// Untold is the probability, up to 1, that the rule is not told how long an episode is: it then reads a horizon of 0.
	Untold float64 `json:"untold,omitempty"`

	// Pace is how many times longer or shorter than the rule has them the steps of an episode may be, all by a factor from 1/Pace to Pace, drawn
	// uniformly in its logarithm, of which the rule knows nothing: one is learned that keeps away from steps at which training only just
	// goes well. 1 or more; 1 if zero.
	Pace float64 `json:"pace,omitempty"`

	// Imitate has losses count less and steps that are like a teacher's more, at first; nothing is imitated if nil.
	Imitate *Imitation `json:"imitate,omitempty"`

	// Again has episodes begin where earlier ones went wrong; none if nil. Not for Full, nor with a form or a control.
	Again *Again `json:"again,omitempty"`
}

// filled returns the settings with every default in its place.
func (s Settings) filled() Settings {
	s.Method, s.Pairs, s.Sigma = cmp.Or(s.Method, PES), cmp.Or(s.Pairs, 16), cmp.Or(s.Sigma, 0.01)
	if s.Method == GPES {
		s.K = cmp.Or(s.K, 10)
	}
	if s.Form == Unbiased {
		s.Form = ""
	}
	return s
}

// EpisodeSteps returns how many steps of all branches an episode has on average, for episodes of a horizon at most.
func (s Settings) EpisodeSteps(horizon int) float64 {
	s = s.filled()
	mean := float64(horizon)
	if s.Shortest > 0 && s.Shortest < horizon {
		mean = float64(horizon-s.Shortest) / math.Log(float64(horizon)/float64(s.Shortest))
	}
	return float64(s.branches()) * mean
}

// branches returns how many there are of a pair: under phi + ε, under phi − ε, and for truncated ES under phi itself.
func (s Settings) branches() int {
	if s.Method == Truncated && s.Form == "" || s.Control != NoControl {
		return 3
	}
	return 2
}

// MarshalJSON writes the settings with every default in its place, but for those that are nothing.
func (s Settings) MarshalJSON() ([]byte, error) {
	type plain Settings
	f := s.filled()
	return json.Marshal(plain(f))
}

// validate reports what is out of range, or has no place in the method.
func (s Settings) validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(!slices.Contains(Methods(), s.Method), "no method %s; want one of %s", brief.Quote(s.Method), strings.Join(Names(), ", "))
	wrong(s.Pairs < 1, "pairs is %d; want 1 or more", s.Pairs)
	wrong(!(s.Sigma > 0 && s.Sigma <= math.MaxFloat32), "sigma is %v; want above 0 and finite", s.Sigma)
	wrong(!(s.Clip >= 0), "clip is %v; want above 0, or 0 for none", s.Clip)
	wrong(!(s.Cap >= 0), "cap is %v; want above 0, or 0 for none", s.Cap)
	wrong(s.K < 0 || s.K == 0 && s.Method == GPES, "k is %d; want 1 or more", s.K)
	wrong(s.K != 0 && s.Method != GPES, "k is for gpes alone")
	wrong(s.Form != "" && s.Form != LearnedOptimization, "form is %s; want %s or %s", brief.Quote(s.Form), Unbiased, LearnedOptimization)
	wrong(s.Form != "" && s.Method != PES && s.Method != Truncated, "form is for pes and truncated-es alone")
	wrong(s.Together && s.Method == Full, "together is not for es, whose episodes always are")
	wrong(!slices.Contains([]Control{NoControl, BPTTControl, ExactControl}, s.Control), "control is %s; want %s or %s", brief.Quote(s.Control), BPTTControl, ExactControl)
	wrong(s.Control != NoControl && (s.Sign || s.Clip != 0 || s.Form != ""), "control is not with sign, clip or form")
	wrong(!(s.End >= 0) || math.IsInf(s.End, 1), "end is %v; want above 0, or 0 for 1", s.End)
	wrong(!(s.WindowClip >= 0), "window_clip is %v; want above 0, or 0 for none", s.WindowClip)
	wrong(s.Method == Full && (s.End != 0 || s.WindowClip != 0), "end and window_clip are not for es, which has no windows")
	wrong(s.Control != NoControl && (s.End != 0 || s.WindowClip != 0), "control is not with end or window_clip")
	wrong(!(s.Untold >= 0 && s.Untold <= 1), "untold is %v; want 0 to 1", s.Untold)
	wrong(s.Pace != 0 && !(s.Pace >= 1 && s.Pace <= 1e6), "pace is %v; want 1 to 1e6, or 0 for 1", s.Pace)
	wrong(s.Pace > 1 && s.Control != NoControl, "control is not with pace")
	wrong(s.Shortest < 0, "shortest is %d; want 1 or more, or 0 for the horizon", s.Shortest)
	if s.Again != nil {
		wrong(s.Method == Full || s.Form != "" || s.Control != NoControl, "again is not for es, nor with form or control")
		errs = append(errs, s.Again.validate())
	}
	if s.Imitate != nil {
		wrong(s.Control != NoControl, "control is not with imitate")
		errs = append(errs, s.Imitate.validate())
	}
	return errors.Join(errs...)
}

// SettingsNamed returns the settings of the method of a name, one of Names, from the JSON form of Settings; an empty one means the
// defaults. An unknown name or field is an error, and so is a field that is given twice or is null, or is out of its range.
func SettingsNamed(name string, text json.RawMessage) (Settings, error) {
	s := Settings{Method: Method(name)}
	if !slices.Contains(Methods(), s.Method) {
		return s, fmt.Errorf("es: unknown estimator %s; want one of %s", brief.Quote(name), strings.Join(Names(), ", "))
	}
	if len(text) > 0 {
		if err := config.Set(&s, text); err != nil {
			return s, fmt.Errorf("es: configuration of %q: %w", name, err)
		}
	}
	s = s.filled()
	if err := s.validate(); err != nil {
		return s, fmt.Errorf("es: %s: %w", name, err)
	}
	return s, nil
}
