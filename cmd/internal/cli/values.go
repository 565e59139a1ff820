package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Positive is a flag for a finite number above 0. Without a default it is 0 when the flag is not given.
type Positive float64

// Count is a flag for a whole number from 1 to MaxCount. Without a default it is 0 when the flag is not given.
type Count int

// MaxCount is the largest Count: more than anything here is worth doing so often, and few enough that two of them can be
// multiplied.
const MaxCount = 1_000_000_000

// Budget is a flag for a length of time above 0, written as 90s, 2m or 1h30m. Without a default it is 0 when the flag
// is not given.
type Budget time.Duration

// Seed is a flag for a seed, a whole number of at least 0.
type Seed uint64

// Names is a flag for one or more names, none of them empty, with commas between them; commas of a JSON object that follows a
// colon, as in name:{"a":1,"b":2}, are a part of the name. Without a default it is empty when the flag is not given, and only then.
type Names []string

// Widths is a flag for one or more whole numbers from 1 to MaxWidth, at most MaxLayers of them, with commas between them.
// Without a default it is empty when the flag is not given, and only then.
type Widths []int

// MaxWidth and MaxLayers bound Widths.
const (
	MaxWidth  = 10_000_000
	MaxLayers = 100
)

// JSON is a flag for a JSON object. In a YAML file it can be a mapping too.
type JSON string

var (
	_ kong.MapperValue = (*Seed)(nil)
	_ kong.MapperValue = (*Names)(nil)
	_ kong.MapperValue = (*Widths)(nil)
	_ kong.MapperValue = (*Positive)(nil)
	_ kong.MapperValue = (*Count)(nil)
	_ kong.MapperValue = (*Budget)(nil)
	_ kong.MapperValue = (*JSON)(nil)
)

// Decode reads the number from the arguments, for kong.
func (p *Positive) Decode(ctx *kong.DecodeContext) error {
	return decode(ctx, p, "a number above 0", func(s string) (Positive, bool) {
		v, err := strconv.ParseFloat(s, 64)
		return Positive(v), err == nil && v > 0 && !math.IsInf(v, 0)
	})
}

// Decode reads the number from the arguments, for kong.
func (c *Count) Decode(ctx *kong.DecodeContext) error {
	return decode(ctx, c, fmt.Sprintf("a whole number from 1 to %d", MaxCount), func(s string) (Count, bool) {
		v, err := strconv.Atoi(s)
		return Count(v), err == nil && 1 <= v && v <= MaxCount
	})
}

// Or returns what a flag says, or its default where nobody gave it and c is nil.
func (c *Count) Or(otherwise int) int {
	if c == nil {
		return otherwise
	}
	return int(*c)
}

// Decode reads the duration from the arguments, for kong.
func (b *Budget) Decode(ctx *kong.DecodeContext) error {
	return decode(ctx, b, "a duration above 0 such as 90s, 2m or 1h30m", func(s string) (Budget, bool) {
		v, err := time.ParseDuration(s)
		return Budget(v), err == nil && v > 0
	})
}

// Decode reads the number from the arguments, for kong.
func (v *Seed) Decode(ctx *kong.DecodeContext) error {
	return decode(ctx, v, "a whole number of at least 0", func(s string) (Seed, bool) {
		n, err := strconv.ParseUint(s, 10, 64)
		return Seed(n), err == nil
	})
}

// Decode reads the names from the arguments, for kong.
func (v *Names) Decode(ctx *kong.DecodeContext) error {
	return decode(ctx, v, "names with commas between them", func(s string) (Names, bool) {
		names := splitNames(s)
		return names, !slices.Contains(names, "")
	})
}

// splitNames is kong.SplitEscaped in time proportional to the length, for commas: a backslash takes one for a part of a name, and
// so does an object.
func splitNames(s string) []string {
	var names []string
	var name []byte
	broken := false // once an object is none, all others are text too: each may be as long as what is left
	for i := 0; i < len(s); i++ {
		if !broken && strings.HasPrefix(s[i:], ":{") {
			n := objectLen(s[i+1:])
			name, broken = append(name, s[i:i+1+n]...), n == 0
			i += n
			continue
		}
		switch {
		case strings.HasPrefix(s[i:], `\,`):
			i++
			name = append(name, ',')
		case s[i] == ',':
			names, name = append(names, string(name)), name[:0]
		default:
			name = append(name, s[i])
		}
	}
	return append(names, string(name))
}

// objectLen returns how long the JSON object at the front of a text is, 0 if there is none.
func objectLen(s string) int {
	d := json.NewDecoder(strings.NewReader(s))
	if d.Decode(new(json.RawMessage)) != nil {
		return 0
	}
	return int(d.InputOffset())
}

// Decode reads the numbers from the arguments, for kong.
func (v *Widths) Decode(ctx *kong.DecodeContext) error {
	want := fmt.Sprintf("up to %d whole numbers from 1 to %d with commas between them", MaxLayers, MaxWidth)
	return decode(ctx, v, want, func(s string) (Widths, bool) {
		var widths Widths
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 || n > MaxWidth || len(widths) == MaxLayers {
				return nil, false
			}
			widths = append(widths, n)
		}
		return widths, true
	})
}

// Decode reads the JSON from the arguments, for kong.
func (v *JSON) Decode(ctx *kong.DecodeContext) error {
	return decode(ctx, v, `a JSON object such as {"name":0.1}`, func(s string) (JSON, bool) {
		return JSON(s), json.Valid([]byte(s)) && strings.HasPrefix(strings.TrimSpace(s), "{")
	})
}

// MarshalJSON returns the JSON as it is.
func (v JSON) MarshalJSON() ([]byte, error) { return []byte(v), nil }

// UnmarshalJSON takes any JSON as it is.
func (v *JSON) UnmarshalJSON(text []byte) error {
	*v = JSON(text)
	return nil
}

// Duration returns the budget as the time package has it.
func (b Budget) Duration() time.Duration { return time.Duration(b) }

// String formats the budget as 1h30m0s.
func (b Budget) String() string { return b.Duration().String() }

// decode takes the next token, whatever it looks like, and sets dst to what it means. Kong itself would stop at a
// token that begins with a dash, and advise to write --flag="-1", which is no better.
func decode[T any](ctx *kong.DecodeContext, dst *T, want string, parse func(string) (T, bool)) error {
	token := ctx.Scan.Pop()
	if token.IsEOL() {
		return errors.New("want " + want + ", got nothing")
	}
	text := fmt.Sprint(token.Value)
	v, ok := parse(text)
	if !ok {
		return fmt.Errorf("want %s, got %s", want, quote(text))
	}
	*dst = v
	return nil
}
