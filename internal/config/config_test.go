package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/config"
)

type settings struct {
	Rate  float64 `json:"rate"`
	Steps int     `json:"steps,omitempty"`
	Name  string
}

func TestSet(t *testing.T) {
	s := settings{Rate: 1, Steps: 2, Name: "a"}
	require.NoError(t, config.Set(&s, []byte(`{"steps": 5, "Name": "b"}`)))
	require.Equal(t, settings{1, 5, "b"}, s)
	require.NoError(t, config.Set(&settings{}, []byte(`{"steps": 5}`)), "a field that is left out when empty is known")
}

func TestSetErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"Rate": 1}`:            `json: unknown field "Rate"`,
		`{"rate": 1, "rate": 2}`: `field "rate" is given twice`,
		`{"rate": null}`:         `field "rate" is null; leave it out for the default`,
		`{"rate": "fast"}`:       `json: cannot unmarshal string into field "rate" of type float64`,
		`[1]`:                    `want a JSON object`,
		`{"rate": 1} {}`:         `more than one JSON value`,
		`{"rate": 1`:             `unexpected EOF`,
	} {
		require.EqualError(t, config.Set(&settings{}, []byte(text)), want, text)
	}
}
