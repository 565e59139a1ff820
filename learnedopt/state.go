package learnedopt

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/params"
)

// A saved state is a safetensors file in memory, see package checkpoints. Its tensors are those of the rule's state under
// statePrefix and, where it matters, seenName: 1 for each weight that has had a gradient other than zero, 0 for the others.
const (
	stateKind   = "optimizer"
	statePrefix = "state/"
	seenName    = "seen"

	metaRule    = "rule"
	metaWeights = "weights" // their layout, as JSON; null before the first step of a Solver
	metaMoves   = "moves"
	metaSteps   = "steps"
	metaSkipped = "skipped"
	metaGuard   = "guard" // left out where there is none
)

var (
	_ encoding.BinaryMarshaler   = (*Optimizer)(nil)
	_ encoding.BinaryUnmarshaler = (*Optimizer)(nil)
)

// MarshalBinary returns all that the optimizer remembers, to be kept with the weights: another optimizer of the same rule,
// layout and options that is given it goes on to the same bits. The bytes are a safetensors file with a checksum. The rule
// and its meta-parameters are not among them, see [Trained.Save].
func (o *Optimizer) MarshalBinary() ([]byte, error) {
	f, err := newState(o.compiled.Rule(), o.compiled.Theta(), o.settings(), o.steps, o.Skipped())
	if err != nil {
		return nil, err
	}
	checkpoints.Put(f, statePrefix, o.compiled.State(), o.state)
	if g := o.guard; g != nil && g.begun {
		seen := make([]float32, o.compiled.Coordinates())
		for i := range seen {
			seen[i] = 1
		}
		for _, i := range g.unseen {
			seen[i] = 0
		}
		checkpoints.Put(f, "", seenLayout(o.compiled.Coordinates()), seen)
	}
	if o.guard != nil {
		if err := o.guard.saveSecond(f); err != nil {
			return nil, err
		}
	}
	return encodeState(f)
}

// UnmarshalBinary goes on with what MarshalBinary returned. An error says what is wrong, bytes that are damaged or the
// state of another rule, of other weights or under other options, and leaves the optimizer as it was.
func (o *Optimizer) UnmarshalBinary(b []byte) error {
	f, err := decodeState(b, o.compiled.Rule(), o.settings())
	if err != nil {
		return err
	}
	return o.restore(f)
}

// settings returns the options; of a bare rule, which moves every coordinate, those that say so.
func (o *Optimizer) settings() *options {
	if o.guard == nil {
		return &options{moves: moveEvery}
	}
	return o.guard.options
}

// newState begins a file.
func newState(r Rule, theta params.Layout, o *options, steps, skipped int) (*checkpoints.File, error) {
	weights, err := json.Marshal(theta)
	if err != nil {
		return nil, err
	}
	f := &checkpoints.File{Kind: stateKind, Meta: map[string]string{
		metaRule: r.Name(), metaWeights: string(weights), metaMoves: string(o.moves),
		metaSteps: strconv.Itoa(steps), metaSkipped: strconv.Itoa(skipped),
	}}
	if o.choice != nil {
		f.Meta[metaGuard] = o.choice.String()
	}
	return f, nil
}

func encodeState(f *checkpoints.File) ([]byte, error) {
	var b bytes.Buffer
	err := f.Write(&b)
	return b.Bytes(), err
}

// decodeState reads a file and checks what does not depend on the weights.
func decodeState(b []byte, r Rule, o *options) (*checkpoints.File, error) {
	f, err := checkpoints.Read(bytes.NewReader(b), stateKind)
	if err != nil {
		return nil, fmt.Errorf("learnedopt: saved state: %w", err)
	}
	if got := f.Meta[metaRule]; got != r.Name() {
		return nil, fmt.Errorf("learnedopt: the saved state is of rule %s, want %s", brief.Quote(got), brief.Quote(r.Name()))
	}
	if got := f.Meta[metaMoves]; got != string(o.moves) {
		return nil, fmt.Errorf("learnedopt: in the saved state the coordinates that move are %s, here %q: use the same options", brief.Quote(got), o.moves)
	}
	if got, want := cmp.Or(f.Meta[metaGuard], noGuard), guardName(o.choice); got != want {
		return nil, fmt.Errorf("learnedopt: in the saved state the guard is %s, here %q: use the same options", brief.Quote(got), want)
	}
	return f, nil
}

// weightsOf returns the layout of the weights that a saved state is of.
func weightsOf(f *checkpoints.File) (params.Layout, error) {
	var l params.Layout
	if err := json.Unmarshal([]byte(f.Meta[metaWeights]), &l); err != nil {
		return nil, fmt.Errorf("learnedopt: saved state: metadata %q is no layout", metaWeights)
	}
	return l, nil
}

// restore takes over a file that decodeState has found right.
func (o *Optimizer) restore(f *checkpoints.File) error {
	weights, err := weightsOf(f)
	if err != nil {
		return err
	}
	if diff := o.compiled.Theta().Diff(weights); diff != "" {
		return fmt.Errorf("learnedopt: the saved state is of other weights: %s", diff)
	}
	state, err := checkpoints.Get[float32](f, statePrefix, o.compiled.State())
	if err != nil {
		return fmt.Errorf("learnedopt: saved state: %w", err)
	}
	steps, err := count(f, metaSteps)
	if err != nil {
		return err
	}
	skipped, err := count(f, metaSkipped)
	if err != nil {
		return err
	}
	if o.guard != nil {
		if err := o.guard.restore(f, skipped, steps); err != nil {
			return err
		}
	}
	copy(o.state, state)
	o.steps = steps
	return nil
}

// count reads a whole number from the metadata.
func count(f *checkpoints.File, key string) (int, error) {
	n, err := strconv.Atoi(f.Meta[key])
	if err != nil || n < 0 {
		return 0, fmt.Errorf("learnedopt: saved state: metadata %q is %s, want a count", key, brief.Quote(f.Meta[key]))
	}
	return n, nil
}

// restore takes over which coordinates have been seen.
func (g *guard) restore(f *checkpoints.File, skipped, steps int) error {
	begun := f.Layout("").Index(seenName) >= 0
	var unseen []int
	if begun {
		seen, err := checkpoints.Get[float32](f, "", seenLayout(g.o.compiled.Coordinates()))
		if err != nil {
			return fmt.Errorf("learnedopt: saved state: %w", err)
		}
		for i, v := range seen {
			switch v {
			case 0:
				unseen = append(unseen, i)
			case 1:
			default:
				return fmt.Errorf("learnedopt: saved state: tensor %q has a %v at [%d], want 0 or 1", seenName, v, i)
			}
		}
	}
	if err := g.restoreSecond(f, begun, unseen, steps); err != nil {
		return err
	}
	g.begun, g.unseen, g.skipped = begun, unseen, skipped
	return nil
}

func seenLayout(n int) params.Layout { return params.Layout{{Name: seenName, Shape: []int{n}}} }
