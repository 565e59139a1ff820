//go:build unix

package identify

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/params"
)

// TestHostile gives the command files, streams and numbers that would hang it, exhaust the machine or end in a stack trace.
func TestHostile(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MakeFIFO(t, "fifo")
	clitest.WriteSparse(t, "sparse", 5<<30)
	require.NoError(t, os.Mkdir("folder", 0o777))
	require.NoError(t, os.Mkdir("fifos", 0o777))
	clitest.MakeFIFO(t, "fifos/"+recordingFile)
	clitest.MakeFIFO(t, "fifos/train-images-idx3-ubyte")
	one := []checkpoints.Tensor{{Spec: params.Spec{Name: "net", Shape: []int{1}}, F32: []float32{0}}}
	for name, f := range map[string]checkpoints.File{
		"no-version": {Kind: "recording"},
		"version":    {Kind: "recording", Meta: map[string]string{"observables_version": strings.Repeat("9", 100_000)}},
		"no-content": {Kind: "recording", Meta: map[string]string{"observables_version": "1"}},
		"long-json":  {Kind: "recording", Meta: map[string]string{"observables_version": "1", "observables": `{"times":"` + strings.Repeat("x", 100_000) + `"}`}},
		"empty":      {Kind: "recording", Meta: map[string]string{"observables_version": "1", "observables": "{}"}},
		"huge":       {Kind: "recording", Meta: map[string]string{"observables_version": "1", "observables": `{"times":[0,1],"layers":[{"inputs":1000000000,"columns":1000000000,"examples":1,"outputs":1,"units":1}]}`}},
		"overflow":   {Kind: "recording", Meta: map[string]string{"observables_version": "1", "observables": `{"times":[0,1],"layers":[{"inputs":9223372036854775807,"columns":3,"examples":-1,"outputs":0,"units":1}]}`}},
		"absent":     {Kind: "recording", Meta: map[string]string{"observables_version": "1", "observables": `{"times":[0,1],"layers":[{"inputs":2,"columns":2,"examples":1,"outputs":1,"units":1}]}`}},
		"nets":       {Kind: "networks", Meta: map[string]string{"observables_version": "1", "observables": "{}"}},
		"nets-times": {Kind: "networks", Tensors: one, Meta: map[string]string{"observables_version": "1", "observables": `{"rules":["a","b"],"times":9000000000000,"views":[{}]}`}},
		"nets-short": {Kind: "networks", Tensors: one, Meta: map[string]string{"observables_version": "1", "observables": `{"rules":["a","b"],"times":3,"views":[{}]}`}},
	} {
		require.NoError(t, f.Save(name+".safetensors"))
	}
	for name, config := range map[string]string{"layers": `{"layers":1000000000}`, "hidden": `{"hidden":1000000000}`} {
		require.NoError(t, checkpoints.SaveRule(name+".safetensors", checkpoints.Rule{Name: "lstm", Config: []byte(config)}))
	}
	huge, long := "1000000000", strings.Repeat("x", 100_000)
	cases := []clitest.Hostile{
		{Name: "config fifo", Args: []string{"--config", "fifo"}},
		{Name: "of fifo", Args: []string{"--of", "fifo"}},
		{Name: "of folder with a fifo", Args: []string{"--of", "fifos"}},
		{Name: "of /dev/zero", Args: []string{"--of", "/dev/zero"}},
		{Name: "of 5 GB", Args: []string{"--of", "sparse"}},
		{Name: "of empty folder", Args: []string{"--of", "folder"}},
		{Name: "of nothing", Args: []string{"--of", ""}},
		{Name: "model fifo", Args: []string{"--model", "fifo"}},
		{Name: "model folder", Args: []string{"--model", "folder"}},
		{Name: "model 5 GB", Args: []string{"--model", "sparse"}},
		{Name: "model /dev/zero", Args: []string{"--model", "/dev/zero"}},
		{Name: "json fifo", Args: []string{"--json", "fifo"}},
		{Name: "record fifo", Args: []string{"--record", "fifo"}},
		{Name: "record below a file", Args: []string{"--record", "sparse/x"}},
		{Name: "data with a fifo", Args: []string{"--data", "fifos"}},
		{Name: "rule fifo", Args: []string{"--rules", "adam,./fifo"}},
		{Name: "rule 5 GB", Args: []string{"--rules", "adam,fa+./sparse"}},
		{Name: "rule of 1e9 layers", Args: []string{"--rules", "adam,layers.safetensors"}},
		{Name: "rule of 1e9 units", Args: []string{"--rules", "adam,hidden.safetensors"}},
		{Name: "nets 1e9", Args: []string{"--nets", huge}},
		{Name: "nets 1e10", Args: []string{"--nets", huge + "0"}},
		{Name: "record hidden 1e7 twice", Args: []string{"--record", "new", "--hidden", "10000000,10000000"}},
		{Name: "record batch 1e9", Args: []string{"--record", "new", "--batch", huge}},
		{Name: "long rule", Args: []string{"--rules", "adam," + long}},
		{Name: "long rules", Args: []string{"--rules", strings.Repeat("adam,", 20_000) + "x"}},
		{Name: "long credit", Args: []string{"--rules", "adam," + long + "+adam"}},
		{Name: "long of", Args: []string{"--of", long}},
		{Name: "long model", Args: []string{"--model", long}},
		{Name: "long record", Args: []string{"--record", long}},
		{Name: "long folder", Args: []string{"--data", long}},
		{Name: "long problem", Args: []string{"--record", "new", "--problem", long}},
		{Name: "terminal codes", Args: []string{"--rules", "adam,\x1b]0;x\x07\x1b[2J"}},
		{Name: "lines", Args: []string{"--of", "a/\nb\r\nc"}},
	}
	for _, name := range []string{"no-version", "version", "no-content", "long-json", "empty", "huge", "overflow", "absent"} {
		cases = append(cases, clitest.Hostile{Name: "of " + name, Args: []string{"--of", name + ".safetensors"}})
	}
	for _, name := range []string{"nets", "nets-times", "nets-short", "no-version"} {
		cases = append(cases, clitest.Hostile{Name: "model " + name, Args: []string{"--model", name + ".safetensors"}})
	}
	clitest.RequireCheapRefusals(t, "IDENTIFY_TEST_MAIN=1", cases)
}
