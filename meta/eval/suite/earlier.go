package suite

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seed1498fded/unroll/meta/eval"
)

// Earlier is what a comparison chose, to be taken by a later one in place of tuning: see [Comparison.Earlier].
type Earlier struct {
	Suite    string  `json:"suite"`
	Track    Track   `json:"track"`
	Fraction float64 `json:"steps_fraction"`
	Trials   int     `json:"trials"`
	Problems []struct {
		Name    string `json:"name"`
		Results []struct {
			Name    string `json:"name"`
			Setting string `json:"setting"`
		} `json:"results"`
	} `json:"problems"`
}

// ReadEarlier reads it from the JSON of the earlier comparison's Report.
func ReadEarlier(report []byte) (*Earlier, error) {
	e := new(Earlier)
	if err := json.Unmarshal(report, e); err != nil {
		return nil, fmt.Errorf("suite: not the report of a comparison on a suite: %w", err)
	}
	if e.Suite == "" || len(e.Problems) == 0 {
		return nil, fmt.Errorf("suite: not the report of a comparison on a suite: it has no suite or no problems")
	}
	return e, nil
}

// fits reports why what was chosen for other runs can't be taken.
func (e *Earlier) fits(c Comparison) error {
	switch {
	case e == nil:
		return nil
	case e.Suite != c.Suite:
		return fmt.Errorf("suite: the earlier comparison is of %.60q; want one of %s", e.Suite, c.Suite)
	case e.Fraction != c.Fraction:
		return fmt.Errorf("suite: the earlier comparison is of %v of the steps; want one of %v", e.Fraction, c.Fraction)
	}
	return nil
}

// setting returns what was chosen for an optimizer on a problem, empty if nothing was.
func (e *Earlier) setting(problem, optimizer string) string {
	for _, p := range e.Problems {
		for _, r := range p.Results {
			if p.Name == problem && r.Name == optimizer {
				return r.Setting
			}
		}
	}
	return ""
}

// known returns which of a contender's candidates was chosen earlier, for each problem; nil unless one was for all of them. Others
// than the reference must have been tuned on the same track, with as many trials.
func (s *study) known(x eval.Contender, candidates []setting) (chosen []int) {
	e := s.Earlier
	if e == nil || x.Name != Reference && (e.Track != s.Track || s.Track == Tuned && e.Trials != s.Trials) {
		return nil
	}
	for _, p := range s.list {
		text := e.setting(p.Name, x.Name)
		i := slices.IndexFunc(candidates, func(c setting) bool { return c.text == text })
		if text == "" || i < 0 {
			return nil
		}
		chosen = append(chosen, i)
	}
	return chosen
}

// takes reports whether nothing is tuned of what a contender's settings are sought among, since all was chosen earlier. One setting for all
// problems is sought by the reference's losses on the runs to tune on: they are there if the reference is tuned.
func (s *study) takes(x eval.Contender) bool {
	if x.Name != Reference || s.Track != Single {
		return s.known(x, s.candidates(x)) != nil
	}
	for _, x := range s.all() {
		if s.known(x, s.candidates(x)) == nil {
			return false
		}
	}
	return true
}
