package metatrain

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

func TestRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", "run", "--episodes", "4")...))
	files := clitest.Tree(t, "run")
	clitest.WriteFile(t, "file", "a file")
	clitest.WriteFile(t, "bad.yaml", "problem: quadratic\nouter_lr: 0.1\n")
	clitest.WriteFile(t, "nan.yaml", "outer-lr: .nan\n")
	clitest.WriteFile(t, "log/log.jsonl", "{}\n")
	damage := func(dir, train, log string) {
		clitest.WriteFile(t, filepath.Join(dir, trainFile), train)
		clitest.WriteFile(t, filepath.Join(dir, logFile), log)
	}
	train, log := files[trainFile], files[logFile]
	damage("swapped", files[optimizerFile], log)
	damage("empty", "", log)
	damage("cut", train[:len(train)-5], log)
	damage("head", train[:100], log)
	damage("flipped", train[:len(train)-9]+string(train[len(train)-9]^1)+train[len(train)-8:], log)
	damage("short-log", train, log[:len(log)/2])
	clitest.WriteFile(t, "no-log/"+trainFile, train)
	clitest.WriteImages(t, "cut-images")
	clitest.WriteFile(t, "cut-images/train-images-idx3-ubyte", "\x00\x00\x08\x03\x00\x00\x00\x24")
	clitest.WriteImages(t, "no-labels")
	require.NoError(t, os.Remove("no-labels/train-labels-idx1-ubyte"))
	clitest.WriteImages(t, "swapped-idx")
	require.NoError(t, os.Rename("swapped-idx/t10k-labels-idx1-ubyte", "swapped-idx/train-images-idx3-ubyte"))
	clitest.WriteImages(t, "swapped-idx/again")

	for _, c := range []struct {
		want string
		args []string
	}{
		{`no problem "cubic"; there are quadratic, `, []string{"--problem", "cubic"}},
		{`no problem ""`, []string{"--problem="}},
		{`unknown rule "magic"; want one of sgd, `, []string{"--problem", "quadratic", "--rule", "magic"}},
		{`unknown field "hiden"`, []string{"--problem", "quadratic", "--rule-config", `{"hiden":3}`}},
		{`--rule-config: want a JSON object`, []string{"--problem", "quadratic", "--rule-config", `{`}},
		{`want at least 1`, []string{"--problem", "quadratic", "--rule-config", `{"hidden":-1}`}},

		{"nowhere/train.safetensors: no such file", []string{"--resume", "nowhere"}},
		{"log/train.safetensors: no such file", []string{"--resume", "log"}},
		{"file/train.safetensors: not a directory", []string{"--resume", "file"}},
		{`want "training"`, []string{"--resume", "swapped"}},
		{"empty/train.safetensors: bad format", []string{"--resume", "empty"}},
		{"truncated", []string{"--resume", "cut", "--out", "new"}},
		{"truncated", []string{"--resume", "head"}},
		{"damaged", []string{"--resume", "flipped", "--out", "new"}},
		{"short-log: log.jsonl has ", []string{"--resume", "short-log", "--out", "new"}},
		{"no-log/log.jsonl: no such file", []string{"--resume", "no-log"}},
		{"--resume: want the name of a folder, got nothing", []string{"--resume="}},

		{"run: it holds a run already", small("--out", "run")},
		{"log: it holds the log of a run", small("--out", "log")},
		{"log: it holds the log of a run", []string{"--resume", "run", "--out", "log"}},
		{"--out: file: cannot create the folder: not a directory", small("--out", "file")},
		{"--out: file/a/b: cannot create the folder: not a directory", small("--out", "file/a/b")},
		{"--out: file: cannot create the folder", []string{"--resume", "run", "--out", "file"}},
		{"--out: want the name of a folder, got nothing", small("--out=")},

		{"nowhere: ", []string{"--data", "nowhere"}},
		{"no-labels: train-labels-idx1-ubyte: file does not exist", []string{"--data", "no-labels"}},
		{"cut-images: train-images-idx3-ubyte: ", []string{"--data", "cut-images"}},
		{"swapped-idx: ", []string{"--data", "swapped-idx"}},
		{"file: ", []string{"--data", "file"}},
		{"--data: want the name of a folder, got nothing", []string{"--data="}},

		{"quadratic: does not take data", []string{"--problem", "quadratic", "--data", "nowhere"}},
		{"quadratic: does not take hidden, activation, batch", []string{
			"--problem", "quadratic", "--hidden", "3", "--activation", "tanh", "--batch", "3",
		}},
		{"logistic8: does not take hidden", []string{"--problem", "logistic8", "--hidden", "3"}},
		{`no activation "step"`, []string{"--activation", "step"}},

		{"unknown flag --episode", []string{"--episode", "3"}},
		{"unexpected argument run", []string{"run"}},
		{`bad.yaml:2: unknown key "outer_lr"`, []string{"--config", "bad.yaml"}},
		{`nan.yaml:1: outer-lr: want a number above 0, got ".nan"`, []string{"--config", "nan.yaml"}},
		{"none.yaml: no such file", []string{"--config", "none.yaml"}},
		{"--window 13: want at most the horizon, 12", small("--window", "13")},
		{`--progress must be one of`, []string{"--progress", "loud"}},
		{"--seed: ", []string{"--seed", "-1"}},
		{"--seed: ", []string{"--seed", "1.5"}},
		{"--budget: ", []string{"--budget", "0s"}},
		{"--budget: ", []string{"--budget", "-1m"}},
		{"--budget: ", []string{"--budget", "90"}},
		{"--episodes: ", []string{"--episodes", "0"}},
		{"--episodes: ", []string{"--episodes", "1e3"}},
		{"--horizon: ", []string{"--horizon", "-5"}},
		{"--horizon: ", []string{"--horizon", "NaN"}},
		{"--window: ", []string{"--window", "0"}},
		{"--every: ", []string{"--every", "0"}},
		{"--copies: ", []string{"--copies", "-1"}},
		{"--average: want a number from 0 to below 1, got 1", []string{"--average", "1"}},
		{"--average: want a number from 0 to below 1, got NaN", []string{"--average", "nan"}},
		{"--fraction: want a number above 0 and at most 1, got 1.5", []string{"--fraction", "1.5"}},
		{"--fraction: ", []string{"--fraction", "0"}},
		{"--batch: ", []string{"--batch", "0"}},
		{"--hidden: ", []string{"--hidden", "20,0"}},
		{"--hidden: ", []string{"--hidden="}},
		{"--outer-lr: ", []string{"--outer-lr", "NaN"}},
		{"--outer-lr: ", []string{"--outer-lr", "0"}},
		{"--outer-lr: ", []string{"--outer-lr", "-0.1"}},
		{"--clip: ", []string{"--clip", "Inf"}},
		{"--exact: ", []string{"--exact=maybe"}},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}
