package metatrain

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/cmd/internal/tensorboard"
	"github.com/seed1498fded/unroll/meta"
)

// openEvents begins a file of TensorBoard's if there is to be one. A resumed run writes the episodes anew that come after its
// checkpoint, and what an earlier process has told of them is void.
func (s *session) openEvents(o options) (err error) {
	if !o.Given("tensorboard") {
		return nil
	}
	st := s.trainer.Status()
	first := int64(st.Episodes)
	if st.Due > 0 && st.Validated == st.OuterSteps { // that validation is in the log, and is not made again
		first++
	}
	if s.events, err = tensorboard.Create(o.Tensorboard, first); err != nil {
		return fmt.Errorf("--tensorboard: %w", err)
	}
	return nil
}

func (s *session) closeEvents() error {
	if s.events == nil {
		return nil
	}
	w := s.events
	s.events = nil
	return w.Close()
}

// eventObserver is the observer that TensorBoard's events are written by, if any are: at each validation, when it also brings them to the
// disk.
func (s *session) eventObserver() meta.Observer {
	if s.events == nil {
		return func(meta.Event) error { return nil }
	}
	var steps outerSteps
	return func(e meta.Event) error {
		if e.Outcome != nil {
			steps.add(*e.Outcome)
		}
		if e.Record == nil {
			return nil
		}
		s.tellEvents(*e.Record, steps)
		steps = outerSteps{}
		if err := s.events.Flush(); err != nil {
			return fmt.Errorf("--tensorboard: %w", err)
		}
		return nil
	}
}

// outerSteps sums up what came of the outer steps since the last validation, or since this process began.
type outerSteps struct {
	norm           meta.RunningMean // of the meta-gradient, before it was clipped, where phi moved
	taken, clipped int
}

func (s *outerSteps) add(o meta.Outcome) {
	s.taken++
	if o.Skipped {
		return
	}
	s.norm.Sum += o.Norm
	s.norm.Count++
	if o.Clipped {
		s.clipped++
	}
}

// tellEvents writes what a validation came to, under the names that the log has, and the phi that was validated. What is not finite
// is left out, as in the log it is null.
func (s *session) tellEvents(r meta.Record, steps outerSteps) {
	at := int64(r.Episodes)
	list := []tensorboard.Scalar{
		{Tag: "train_loss", Value: float64(r.TrainLoss)}, {Tag: "valid_loss", Value: float64(r.ValidLoss)},
		{Tag: "best_loss", Value: float64(r.BestLoss)}, {Tag: "outer_steps", Value: float64(r.OuterSteps)},
		{Tag: "diverged", Value: float64(r.Diverged)}, {Tag: "skipped", Value: float64(r.Skipped)},
		{Tag: "meta_gradient/norm", Value: steps.norm.Value()},
		{Tag: "meta_gradient/clipped", Value: float64(steps.clipped) / float64(steps.taken)},
	}
	var finite []tensorboard.Scalar
	for _, x := range list {
		if !math.IsNaN(x.Value) && !math.IsInf(x.Value, 0) {
			finite = append(finite, x)
		}
	}
	s.events.Scalars(at, finite...)
	phi := s.trainer.Last()
	for _, p := range s.rule.Spec().Phi {
		n := p.Len()
		s.events.Histogram(at, "phi/"+p.Name, phi[:n])
		phi = phi[n:]
	}
}
