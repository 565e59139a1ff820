package eval

import (
	"encoding/csv"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	p, err := r.Page()
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, p.Write(&b))
	return b.String()
}

// The page has the table's cells, curves by step and by time, every configuration and every setting.
func TestPage(t *testing.T) {
	r := sample()
	text := pageOf(t, r)
	require.Equal(t, 2, strings.Count(text, "<svg "))
	for _, want := range []string{
		"bowl: 4 runs of 3 steps, seed 7", "loss, by step", "loss, by seconds of training", "0.0625 ± 0.2500", "10*", "runs/a.safetensors (learned)",
		"{&#34;lr&#34;:0.03,&#34;momentum&#34;:0.9}", `<th scope="row">seed</th><td>7</td>`, "tuned, on other runs",
	} {
		require.Contains(t, text, want)
	}
	r.Results[0].Problem, r.Results[1].Problem, r.Results[2].Problem, r.Results[3].Problem = "a", "a", "b", "b"
	text = pageOf(t, r)
	require.Equal(t, 4, strings.Count(text, "<svg "), "two of each problem")
	require.Contains(t, text, "b × adam")

	text = pageOf(t, crossSample())
	require.Equal(t, 3, strings.Count(text, "<svg "))
	for _, want := range []string{"test error, %, by epoch", "by hidden layer", "by seconds of training", "64-20-10-4 tanh", "not tuned"} {
		require.Contains(t, text, want)
	}
}

// Nothing that diverges at once, or has one step only, keeps a page from being made.
func TestPageWithoutCurves(t *testing.T) {
	r := sample()
	for i := range r.Results {
		r.Results[i].Curve, r.Results[i].CurveErr = numbers(inf), numbers(nan)
	}
	require.Contains(t, pageOf(t, r), "bowl")
}

// PDF is a format of pictures.
func TestPDF(t *testing.T) {
	var b strings.Builder
	require.NoError(t, sample().Plot(&b, "pdf"))
	require.True(t, strings.HasPrefix(b.String(), "%PDF-"))
	require.Contains(t, b.String(), "%%EOF")
	r, g, blue, a := straight{R: 255, G: 1, A: 50}.RGBA()
	require.Equal(t, []uint32{0xffff, 0x0101, 0, 0x3232}, []uint32{r, g, blue, a}, "a faint colour stays the colour that it is")
}

// Law: the curves as CSV are those of the report, with the time that so many updates take; what is not finite is empty.
func TestCurvesAsCSV(t *testing.T) {
	r := sample()
	var b strings.Builder
	require.NoError(t, r.WriteCSV(&b))
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"problem", "credit", "optimizer", "step", "seconds", "mean_loss", "stderr"}, rows[0])
	require.Len(t, rows, 1+4*3)
	at := 1
	for _, x := range r.Results {
		for i, loss := range x.Curve {
			row := rows[at]
			require.Equal(t, []string{"bowl", "", x.Name, strconv.Itoa(i)}, row[:4])
			seconds, err := strconv.ParseFloat(row[4], 64)
			require.NoError(t, err)
			require.InDelta(t, float64(i)*x.USPerStep*1e-6, seconds, 1e-12)
			if infinite(float64(loss)) {
				require.Equal(t, []string{"", ""}, row[5:])
			} else {
				got, err := strconv.ParseFloat(row[5], 64)
				require.NoError(t, err)
				require.Equal(t, float64(loss), got)
			}
			at++
		}
	}
	b.Reset()
	require.NoError(t, crossSample().WriteCSV(&b))
	rows, err = csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"epoch", "seconds", "mean_loss", "stderr", "test_error", "test_error_stderr"}, rows[0][3:])
	require.Equal(t, []string{"digits", "backprop", "1"}, []string{rows[1][0], rows[1][1], rows[1][3]})
	require.Equal(t, "7", rows[7][3], "the last epoch")
	require.Equal(t, "1.26", rows[7][4], "takes all the time there is")
	require.ErrorIs(t, r.WriteCSV(fullDisk{}), errFull)
}
