package credit_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

// documented are the settings that the documentation of each rule says stand in place of zero.
var documented = map[string]string{
	"backprop": `{}`,
	"fa":       `{"scale":1}`,
	"frsf":     `{"scale":1}`,
	"brsf":     `{"scale":1}`,
	"usf":      `{"scale":1}`,
	"kp":       `{"scale":1,"decay":0.001}`,
	"dfa":      `{"std":0.3}`,
	"drtp":     `{"std":0.5}`,
	"tp":       `{"step":50,"noise":0.1,"activation":"tanh","pretrain":1}`,
	"dtp":      `{"step":0.1,"noise":0.1,"activation":"tanh","pretrain":1}`,
	"dtpdrl":   `{"step":0.1,"noise":0.05,"activation":"tanh","pretrain":1,"decay":0.001}`,
	"ddtp":     `{"noise":0.05,"decay":0.001,"pretrain":1}`,
	"pc":       `{"gamma":0.01,"steps":20,"precision":1}`,
	"ipc":      `{"gamma":0.5,"steps":5,"precision":1}`,
	"fpa":      `{"gamma":0.5,"steps":20}`,
	"zil":      `{}`,
	"dni":      `{"width":256}`,
	"cdni":     `{"width":256}`,
	"bplambda": `{"lambda":0.5,"width":256}`,
	"none":     `{}`,
}

// beside are settings without which others are of no use.
var beside = map[string]map[string]any{"dni": {"hidden": 1}, "cdni": {"hidden": 1}, "bplambda": {"hidden": 1}}

// behaviour runs a rule for some steps and writes down all that can be seen of it.
func behaviour(t *testing.T, name string, settings map[string]any) string {
	t.Helper()
	for k, v := range beside[name] {
		settings[k] = v
	}
	config, err := json.Marshal(settings)
	require.NoError(t, err)
	rule, err := credit.Named[float64](name, config)
	require.NoError(t, err)
	set := problemtest.Images(50, 4)
	net, err := nets.New[float64](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.CrossEntropy,
		nets.Dense{Units: 6}, nets.Activation("tanh"), nets.Dense{Units: 5}, nets.Activation("tanh"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	p, err := credit.FamilyOf[float64]{Net: net, Rule: rule, Data: set, Batch: 8}.Problem()
	require.NoError(t, err)
	theta, grad := make([]float64, p.Params().Len()), make([]float64, p.Params().Len())
	p.Init(theta, 1)
	seen := fmt.Sprint(p.Params(), p.PretrainEpochs(), p.Repeats(), theta)
	for range 4 {
		loss, err := p.Eval(grad, theta, 9)
		require.NoError(t, err)
		for i, g := range grad {
			theta[i] -= 0.05 * g
		}
		seen += fmt.Sprint(loss, grad, p.Energies())
	}
	return seen
}

// A rule without settings is the rule with those that its documentation names, to the bit, and each of them matters.
func TestDefaultsAreAsDocumented(t *testing.T) {
	require.Len(t, documented, len(credit.Names()))
	for _, name := range credit.Names() {
		t.Run(name, func(t *testing.T) {
			explicit := func() (settings map[string]any) {
				require.NoError(t, json.Unmarshal([]byte(documented[name]), &settings))
				return settings
			}
			want := behaviour(t, name, explicit())
			require.Equal(t, want, behaviour(t, name, map[string]any{}))
			for setting, value := range explicit() {
				changed := explicit()
				switch v := value.(type) {
				case float64:
					changed[setting] = other(v)
				case string:
					changed[setting] = "sigmoid"
				}
				require.NotEqual(t, want, behaviour(t, name, changed), "%s is of no use", setting)
			}
		})
	}
}

// other is a number near v, an integer if v is one.
func other(v float64) float64 {
	if v == float64(int(v)) {
		return v + 1
	}
	return 0.9 * v
}

// No pretraining is what a negative number stands for.
func TestPretrainEpochs(t *testing.T) {
	for _, name := range []string{"tp", "dtp", "dtpdrl", "ddtp"} {
		for given, want := range map[int]int{0: 1, 1: 1, 3: 3, -1: 0, -7: 0} {
			rule, err := credit.Named[float64](name, []byte(fmt.Sprintf(`{"pretrain":%d}`, given)))
			require.NoError(t, err)
			set := problemtest.Images(10, 4)
			net, err := nets.New[float64](nets.Vector(16), nets.CrossEntropy, nets.Dense{Units: 3}, nets.Dense{Units: set.Classes})
			require.NoError(t, err)
			p, err := credit.FamilyOf[float64]{Net: net, Rule: rule, Data: set, Batch: 2}.Problem()
			require.NoError(t, err)
			require.Equal(t, want, p.PretrainEpochs(), "%s, %d", name, given)
		}
	}
}

// The minibatch of a family without a size has 128 images.
func TestDefaultBatch(t *testing.T) {
	set := problemtest.Images(10, 4)
	net, err := nets.New[float32](nets.Vector(16), nets.CrossEntropy, nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	p, err := credit.Family{Net: net, Data: set}.Problem()
	require.NoError(t, err)
	require.Equal(t, 128, p.Batch())
}
