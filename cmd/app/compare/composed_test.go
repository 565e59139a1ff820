package compare

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// A rule that is configured on the command line or in a file is measured as it is, whatever it is made of; two ways to write
// one go the same way.
func TestConfiguredRules(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteFile(t, "rule.json", `{"name":"decay","config":{"rule":"adam","decay":0.001}}`)
	clitest.MustRun(t, Run, small("--json", "r.json", "--optimizer",
		`sgd,decay:{"rule":{"name":"adam","config":{"lr":0.001}},"decay":0.001},rule.json,adam:{"lr":0.001}`)...)
	r := readReport(t, "r.json").Results
	require.Len(t, r, 4)
	for i, want := range []result{{Name: "sgd", Kind: "baseline"}, {Name: "decay(adam)", Kind: "configured"},
		{Name: "decay(adam) 2", Kind: "configured"}, {Name: "adam", Kind: "configured"}} {
		require.Equal(t, [2]string{want.Name, want.Kind}, [2]string{r[i].Name, r[i].Kind})
	}
	require.Equal(t, r[1].Curve, r[2].Curve)
	require.Equal(t, r[1].Hyper, r[2].Hyper)
	require.Equal(t, 0.001, r[3].Hyper["lr"])
	require.NotEqual(t, r[1].Curve, r[3].Curve)
}

// A learned rule is measured at other rates too, each under its own name.
func TestLearnedRulesAtARate(t *testing.T) {
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	clitest.MustRun(t, Run, small("--json", "r.json", "--optimizer",
		`rule.safetensors,rule.safetensors:{"rate":1},rule.safetensors:{"rate":2,"untold":true},lstm-quadratic:{"rate":0.5}`)...)
	r := readReport(t, "r.json").Results
	require.Len(t, r, 4)
	require.Equal(t, `rule.safetensors:{"rate":2,"untold":true}`, r[2].Name)
	require.Equal(t, "learned", r[2].Kind)
	require.Equal(t, r[0].Curve, r[1].Curve)
	require.Equal(t, r[0].Curve[0], r[2].Curve[0])
	require.NotEqual(t, r[0].Curve, r[2].Curve)
	for want, name := range map[string]string{
		`unknown field "lr"`:         `rule.safetensors:{"lr":2}`,
		"rate is -1":                 `rule.safetensors:{"rate":-1}`,
		"missing.safetensors":        `missing.safetensors:{"rate":1}`,
		"or a learned rule: general": `adm:{"lr":0.5}`,
	} {
		clitest.RequireRefused(t, Run, want, small("--optimizer", name)...)
	}
}

// Tuning over schedules is asked for; what is not asked for changes nothing.
func TestSchedules(t *testing.T) {
	t.Chdir(t.TempDir())
	before, _ := clitest.MustRun(t, Run, small("--json", "before.json", "--optimizer", "sgd,adam")...)
	require.NotContains(t, before, "schedule")
	clitest.MustRun(t, Run, small("--json", "constant.json", "--optimizer", "sgd,adam", "--schedules", "constant")...)
	was, is := readReport(t, "before.json"), readReport(t, "constant.json")
	for i := range was.Results {
		require.Equal(t, was.Results[i].Curve, is.Results[i].Curve)
	}
	stdout, _ := clitest.MustRun(t, Run, small("--optimizer", "sgd,adam,prodigy", "--schedules", "linear,cosine")...)
	require.Regexp(t, `adam +[\d.e-]+\*? +(linear|cosine) `, stdout)
	require.Regexp(t, `prodigy +1 +(linear|cosine) `, stdout)
}
