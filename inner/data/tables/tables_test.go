package tables

import (
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesAreThoseOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	entries, err := files.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, entries, 4)
	for _, e := range entries {
		plain, err := open(e.Name())
		require.NoError(t, err)
		assert.Contains(t, string(readme), fmt.Sprintf("| `%s` | %d | `%x` |\n", e.Name(), len(plain), sha256.Sum256(plain)))
	}
}

func TestTables(t *testing.T) {
	for name, c := range map[string]struct {
		load              func() (*Table, *Table, error)
		n, test, features int
		perClass          []int
	}{
		"breast cancer": {load: BreastCancer, n: 569, test: 114, features: 30, perClass: []int{212, 357}},
		"wine":          {load: Wine, n: 178, test: 36, features: 13, perClass: []int{59, 71, 48}},
		"diabetes":      {load: Diabetes, n: 442, test: 89, features: 10},
	} {
		t.Run(name, func(t *testing.T) {
			train, test, err := c.load()
			require.NoError(t, err)
			assert.Equal(t, []int{c.n - c.test, c.test, c.features}, []int{train.Len(), test.Len(), test.Features})
			assert.Len(t, train.X, train.Len()*c.features)
			var counts []int
			if train.Classes > 0 {
				counts = make([]int, train.Classes)
				for _, y := range append(append([]float64(nil), train.Y...), test.Y...) {
					counts[int(y)]++
				}
			}
			assert.Equal(t, c.perClass, counts)
			columns := train.Features
			if train.Classes == 0 {
				columns++
			}
			for k := range columns {
				var sum, square float64
				for i := range train.Len() {
					v := train.Y[i]
					if k < train.Features {
						v = train.Row(i)[k]
					}
					sum, square = sum+v, square+v*v
				}
				assert.InDelta(t, 0, sum, 1e-9)
				assert.InDelta(t, train.Len(), square, 1e-9)
			}
		})
	}
}

// The correlation of body mass index and progression is .586 over all patients; standardisation and shuffling by rows keep it.
func TestRowsStayTogether(t *testing.T) {
	train, test, err := Diabetes()
	require.NoError(t, err)
	var sx, sy, sxx, syy, sxy float64
	for _, part := range []*Table{train, test} {
		for i, y := range part.Y {
			x := part.Row(i)[2]
			sx, sy, sxx, syy, sxy = sx+x, sy+y, sxx+x*x, syy+y*y, sxy+x*y
		}
	}
	n := 442.0
	assert.InDelta(t, .586, (sxy-sx*sy/n)/math.Sqrt((sxx-sx*sx/n)*(syy-sy*sy/n)), 1e-3)
}
