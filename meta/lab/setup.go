package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// BPTT is the name of backpropagation through time among the entries.
const BPTT = "bptt"

// SetupOf is the training of a family's problems by a rule, and what an episode comes to.
type SetupOf[F params.Float] struct {
	Rule     learnedopt.Rule
	Family   inner.FamilyOf[F]
	Copies   int           // problems side by side in an episode; 1 if zero
	MetaLoss meta.MetaLoss // what each loss counts as; the loss itself if zero

	// Objective is what an episode comes to: the mean of the losses after each step, meta.Mean, which is the default; or meta.Last or
	// meta.Min, for estimators of whole episodes. The estimates of Mean are of the sum, see StudyOf.PerStep.
	Objective meta.Objective
}

// Objectives returns the names of the objectives, the default first.
func Objectives() []string { return []string{string(meta.Mean), string(meta.Last), string(meta.Min)} }

// PerStep reports whether estimates are of sums that are to be means.
func (s SetupOf[F]) PerStep() bool { return s.objective() == meta.Sum }

// objective returns that of an estimator.
func (s SetupOf[F]) objective() meta.Objective {
	if o := cmp.Or(s.Objective, meta.Mean); o != meta.Mean {
		return o
	}
	return meta.Sum
}

// An Entry names an estimator, as in pes/20{"pairs":8}: the name, bptt or one of es.Names; after a slash the steps of a window, else
// an episode's; and settings as JSON, those of es.Settings, or {"exact":true} for backpropagation through the inner gradients too.
type Entry struct {
	Text   string // as it was written
	Name   string
	Window int // 0 for the horizon
	Config json.RawMessage
}

// Names returns the names that an entry can have.
func Names() []string { return append([]string{BPTT}, es.Names()...) }

// ParseEntries reads entries that commas separate.
func ParseEntries(text string) ([]Entry, error) {
	var list []Entry
	for _, part := range split(text) {
		e, err := parseEntry(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(o Entry) bool { return o.Text == e.Text }) {
			return nil, fmt.Errorf("lab: estimator %s twice", brief.Quote(e.Text))
		}
		list = append(list, e)
	}
	return list, nil
}

// split cuts a text at the commas that are in no braces.
func split(text string) (parts []string) {
	depth, from := 0, 0
	for i, c := range text {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				parts, from = append(parts, text[from:i]), i+1
			}
		}
	}
	return append(parts, text[from:])
}

func parseEntry(text string) (Entry, error) {
	e := Entry{Text: text}
	head := text
	if i := strings.IndexByte(text, '{'); i >= 0 {
		head, e.Config = text[:i], json.RawMessage(text[i:])
	}
	name, window, has := strings.Cut(head, "/")
	if e.Name = name; !slices.Contains(Names(), name) {
		return e, fmt.Errorf("lab: no estimator %s; want one of %s", brief.Quote(name), strings.Join(Names(), ", "))
	}
	if !has {
		return e, nil
	}
	var err error
	if e.Window, err = steps(window); err != nil {
		return e, fmt.Errorf("lab: estimator %s: %w", name, err)
	}
	return e, nil
}

// steps reads the length of a window.
func steps(text string) (n int, err error) {
	const most = 1_000_000
	for _, c := range text {
		if c < '0' || c > '9' || n > most {
			n = 0
			break
		}
		n = 10*n + int(c-'0')
	}
	if n < 1 || n > most {
		return 0, fmt.Errorf("a window of %s steps; want 1 to %d", brief.Quote(text), most)
	}
	return n, nil
}

// Contender returns what an entry names. Its settings are checked; windows are when it is made for a horizon.
func (s SetupOf[F]) Contender(e Entry) (ContenderOf[F], error) {
	if e.Name == BPTT {
		return s.backward(e)
	}
	settings, err := es.SettingsNamed(e.Name, e.Config)
	if err != nil {
		return ContenderOf[F]{}, fmt.Errorf("lab: %s: %w", brief.Quote(e.Text), err)
	}
	if settings.Shortest != 0 {
		return ContenderOf[F]{}, fmt.Errorf("lab: %s: shortest is not for the laboratory, whose horizons are given", brief.Quote(e.Text))
	}
	settings.Together = settings.Method != es.Full
	return ContenderOf[F]{Name: e.Text, New: func(episode uint64, horizon int) (meta.EstimatorOf[F], int, error) {
		window, err := s.window(e, horizon, true)
		if err != nil {
			return nil, 0, err
		}
		est, err := es.New(es.ConfigOf[F]{
			Settings: settings, Rule: s.Rule, Family: s.Family, Copies: s.Copies, MetaLoss: s.MetaLoss, Horizon: horizon, Window: window,
			Objective: s.objective(), Pinned: episode, Workers: 1,
		})
		return est, window, err
	}}, nil
}

// window returns the steps of an entry's estimates.
func (s SetupOf[F]) window(e Entry, horizon int, divides bool) (int, error) {
	window := min(horizon, cmp.Or(e.Window, horizon))
	switch {
	case window < horizon && s.objective() != meta.Sum:
		return 0, fmt.Errorf("the objective %s is of whole episodes; want no window, or one of the horizon, %d", s.objective(), horizon)
	case divides && horizon%window != 0:
		return 0, fmt.Errorf("a window of %d steps does not divide the horizon, %d", window, horizon)
	}
	return window, nil
}

// backward returns backpropagation over windows.
func (s SetupOf[F]) backward(e Entry) (ContenderOf[F], error) {
	var settings struct {
		Exact bool `json:"exact"`
	}
	if len(e.Config) > 0 {
		if err := config.Set(&settings, e.Config); err != nil {
			return ContenderOf[F]{}, fmt.Errorf("lab: %s: %w", brief.Quote(e.Text), err)
		}
	}
	return ContenderOf[F]{Name: e.Text, New: func(episode uint64, horizon int) (meta.EstimatorOf[F], int, error) {
		window, err := s.window(e, horizon, false)
		if err != nil {
			return nil, 0, err
		}
		b, err := s.bptt(horizon, window, settings.Exact)
		return pinned[F]{b, episode}, window, err
	}}, nil
}

func (s SetupOf[F]) bptt(horizon, window int, exact bool) (*meta.MixedOf[F], error) {
	return meta.NewMixed(meta.BPTTConfigOf[F]{
		Rule: s.Rule, Family: s.Family, Copies: s.Copies, MetaLoss: s.MetaLoss, Horizon: horizon, Window: window, Exact: exact,
		Objective: s.objective(), Workers: 1,
	})
}

// pinned is backpropagation over one and the same episode.
type pinned[F params.Float] struct {
	*meta.MixedOf[F]
	episode uint64
}

// Estimate implements meta.EstimatorOf.
func (p pinned[F]) Estimate(ctx context.Context, grad, phi []F, _ uint64) (meta.Estimate, error) {
	return p.MixedOf.Estimate(ctx, grad, phi, p.episode)
}

// Backpropagation returns the truth by backpropagation over all of an episode: with exact the derivative, which needs problems that
// implement inner.CurvatureOf, else that of the first order.
func (s SetupOf[F]) Backpropagation(exact bool) (TruthOf[F], error) {
	if _, err := s.bptt(1, 1, exact); err != nil {
		return nil, err
	}
	return func(ctx context.Context, phi []F, episode uint64, horizon int) ([]float64, error) {
		b, err := s.bptt(horizon, horizon, exact)
		if err != nil {
			return nil, err
		}
		grad := make([]F, len(phi))
		est, err := b.Estimate(ctx, grad, phi, episode)
		if err != nil {
			return nil, err
		}
		if math.IsInf(est.Loss, 0) {
			return nil, fmt.Errorf("lab: an episode of %d steps diverges: there is no truth to measure by", horizon)
		}
		return params.Convert[float64](grad), nil
	}, nil
}

// Differences returns the truth by central differences of order four, with steps of a size for each number of phi: four episodes for
// each. It is for rules and problems without a derivative. Rounding is to be heeded: in float32 a step of 0.01 leaves some four digits.
func (s SetupOf[F]) Differences(step float64) TruthOf[F] {
	objective := s.objective()
	system := func() (es.SystemOf[F], error) {
		return es.NewTraining(es.TrainingConfigOf[F]{Rule: s.Rule, Family: s.Family, Copies: s.Copies, Objective: objective, MetaLoss: s.MetaLoss})
	}
	return DifferencesOf(system, func(losses []float64) float64 { return score(objective, losses) }, step)
}

// score returns what an episode's losses come to.
func score(o meta.Objective, losses []float64) float64 {
	switch o {
	case meta.Last:
		return losses[len(losses)-1]
	case meta.Min:
		return slices.Min(losses)
	}
	return total(losses)
}

// DifferencesOf returns the truth by central differences of order four of the score of an episode's losses, for any system.
func DifferencesOf[F params.Float](system func() (es.SystemOf[F], error), score func(losses []float64) float64, step float64) TruthOf[F] {
	return func(ctx context.Context, phi []F, episode uint64, horizon int) ([]float64, error) {
		s, err := system()
		if err != nil {
			return nil, err
		}
		if err := machine.Fits(8 * float64(horizon)); err != nil {
			return nil, fmt.Errorf("lab: the losses of %d steps: %w", horizon, err)
		}
		e := es.Episode{Key: episode, Length: horizon}
		losses, truth, x := make([]float64, horizon), make([]float64, len(phi)), slices.Clone(phi)
		at := func(j int, d float64) (float64, error) {
			x[j] = phi[j] + F(d)
			defer func() { x[j] = phi[j] }()
			n, err := es.StateLen(s, e)
			if err != nil {
				return 0, err
			}
			state := make([]F, n)
			if err := s.Start(state, x, e); err != nil {
				return 0, err
			}
			err = s.Unroll(ctx, losses, state, x, e, 0)
			return score(losses), err
		}
		for j := range phi {
			for _, d := range []struct{ times, weight float64 }{{1, 8}, {-1, -8}, {2, -1}, {-2, 1}} {
				f, err := at(j, d.times*step)
				if err != nil {
					return nil, err
				}
				truth[j] += d.weight * f / (12 * step)
			}
			if math.IsNaN(truth[j]) || math.IsInf(truth[j], 0) {
				return nil, fmt.Errorf("lab: an episode of %d steps diverges: there is no truth to measure by", horizon)
			}
		}
		return truth, nil
	}
}
