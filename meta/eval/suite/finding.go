package suite

import "sync"

// A Finding is what a [Comparison] tells while it goes on, of one optimizer on one problem: how many settings were tried, that a run has
// ended, or the result.
type Finding struct {
	Problem   int // its place in Report.Problems
	Optimizer int // its place in Problem.Results: 0 is the reference

	Tried, Settings int // settings that were tried in tuning, none or all, and how many there are; 0 of 0 where the finding is another

	// Run is the smoothed loss of one of the runs that are reported after each of its steps, in no order; whoever is told must not
	// change it. Final is the training loss that the run comes to, of which Result.Train is the mean: +Inf where it diverged.
	Run   []float64
	Final float64

	Result *Result
}

// tell hands on a finding.
func (s *study) tell(f Finding) {
	if s.Observe != nil {
		s.Observe(f)
	}
}

// runHook tells of the runs that are reported.
func (s *study) runHook(problem, optimizer int) func(outcome) {
	if s.Observe == nil {
		return nil
	}
	var mu sync.Mutex
	return func(o outcome) {
		mu.Lock()
		defer mu.Unlock()
		s.tell(Finding{Problem: problem, Optimizer: optimizer, Run: o.smoothed, Final: o.final})
	}
}

// A Row is a place for a result, as it will be in the report.
type Row struct {
	Problem, Optimizer string
	Kind               string
	Steps              int
}

// Rows returns the places of all results, problem by problem, and how many runs each is of; a comparison's numbers are filled in.
func (c Comparison) Rows() (rows []Row, runs int, err error) {
	s, err := c.begin()
	if err != nil {
		return nil, 0, err
	}
	for _, p := range s.list {
		for _, x := range s.all() {
			rows = append(rows, Row{p.Name, x.Name, method{Contender: x}.kind(), p.Steps})
		}
	}
	return rows, s.Runs, nil
}
