package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Stand-ins for what the script calls; they end when their folder does. srun starts three ranks at once; with LONG they work
// until they are told to stop, and the script hears that its time is nearly up once all have begun. With DEAF workers do not hear
// of the learner's end.
var standIns = map[string]string{
	"srun": `#!/bin/bash
while [[ $1 == --* ]]; do echo "$1" >>"$FAKE/said.srun"; shift; done
for rank in 0 1 2; do
	SLURM_PROCID=$rank "$@" &
	echo $! >"$FAKE/pid$rank"
done
if [ -n "$LONG" ]; then
	until [ -e "$FAKE/rank0" ] && [ -e "$FAKE/rank1" ] && [ -e "$FAKE/rank2" ]; do sleep; done
	kill -USR1 "$PPID"
	until [ -e "$FAKE/said.scancel" ]; do sleep; done
	kill -TERM "$PPID" # asked again, it must not ask the learner again
fi
status=0
for rank in 0 1 2; do wait "$(cat "$FAKE/pid$rank")" || status=$?; done
exit "$status"
`,
	"scancel": `#!/bin/bash
echo "$*" >>"$FAKE/said.scancel"
kill -TERM "$(cat "$FAKE/pid0")" "$(cat "$FAKE/pid1")" "$(cat "$FAKE/pid2")"
`,
	"sleep": `#!/bin/bash
read -rt 0.03 <> <(:) || true
`,
	"scontrol": `#!/bin/bash
echo "$*" >>"$FAKE/said.scontrol"
`,
	"metatrain": `#!/bin/bash
stopped=
trap stopped=yes TERM
if [ "$SLURM_PROCID" = 0 ]; then
	mkdir -p "$2"
	echo nats://127.0.0.1:1 >"$2/address"
fi
printf '%s\n' "$@" >"$FAKE/part$SLURM_PROCID"
mv "$FAKE/part$SLURM_PROCID" "$FAKE/rank$SLURM_PROCID"
while [ -e "$FAKE" ] && [ -n "$LONG" ] && [ -z "$stopped" ]; do sleep; done
if [ -n "$stopped" ]; then
	exit 143
fi
until [ -e "$FAKE/rank0" ] && [ -e "$FAKE/rank1" ] && [ -e "$FAKE/rank2" ]; do sleep; done
if [ "$SLURM_PROCID" = 0 ]; then rm "$2/address"; fi
while [ -e "$FAKE" ] && [ -n "$DEAF" ] && [ "$SLURM_PROCID" != 0 ] && [ -z "$stopped" ]; do sleep; done
exit "$SLURM_PROCID" # that a worker fails does not matter
`,
}

// A job is a folder to try the script in.
type job struct {
	fake, run string
	env       []string
}

func newJob(t *testing.T) job {
	if runtime.GOOS == "windows" {
		t.Skip("not tried: the script for Slurm needs a Unix")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("not tried: the script for Slurm needs bash")
	}
	j := job{fake: t.TempDir(), run: filepath.Join(t.TempDir(), "all runs", "first")}
	for name, text := range standIns {
		require.NoError(t, os.WriteFile(filepath.Join(j.fake, name), []byte(text), 0o755))
	}
	return j
}

// start runs the script to its end and returns each rank's arguments of metatrain.
func (j job) start(t *testing.T, long string, args ...string) [][]string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // it waits for what never comes if it is wrong
	defer cancel()
	c := exec.CommandContext(ctx, "bash", append([]string{"slurm.sbatch"}, args...)...)
	c.Env = append(os.Environ(), "PATH="+j.fake+string(os.PathListSeparator)+os.Getenv("PATH"), "FAKE="+j.fake, "LONG="+long,
		"RUN="+j.run, "METATRAIN=metatrain", "SLURM_JOB_ID=77", "SLURM_CPUS_PER_TASK=2", "GRACE=1", "PATIENCE=1")
	c.Env = append(c.Env, j.env...)
	c.WaitDelay = time.Second
	output, err := c.CombinedOutput()
	require.NoError(t, err, string(output))
	var ranks [][]string
	for _, rank := range []string{"rank0", "rank1", "rank2"} {
		text, err := os.ReadFile(filepath.Join(j.fake, rank))
		require.NoError(t, err)
		require.NoError(t, os.Remove(filepath.Join(j.fake, rank)))
		ranks = append(ranks, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
	}
	return ranks
}

func (j job) said(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join(j.fake, "said."+name))
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(t, err)
	return string(text)
}

func dryRun(t *testing.T, long string) [][]string {
	return newJob(t).start(t, long, "--problem", "mnist8", "--members", "3", "--episodes", "10")
}

// A job whose time is up is saved by one signal and queued again, and then goes on: not to an address of the job before.
func TestSlurmJobIsSavedAndResumed(t *testing.T) {
	j := newJob(t)
	ranks := j.start(t, "long", "--members", "3", "--rule-config", `{"hidden": 8}`)
	learn := []string{"--out", j.run, "--resume-if-there", "--listen", "0.0.0.0:0", "--token-file", j.run + ".token", "--progress", "plain",
		"--members", "3", "--rule-config", `{"hidden": 8}`}
	join := []string{"--connect", "nats://127.0.0.1:1", "--token-file", j.run + ".token", "--workers", "2", "--progress", "plain"}
	require.Equal(t, [][]string{learn, join, join}, ranks)
	require.Equal(t, "--signal=TERM 77\n", j.said(t, "scancel"))
	require.Equal(t, "requeue 77\n", j.said(t, "scontrol"))

	require.NoError(t, os.WriteFile(filepath.Join(j.run, "address"), []byte("nats://gone:1\n"), 0o600))
	ranks = j.start(t, "", "--members", "3")
	require.Equal(t, [][]string{learn[:len(learn)-2], join, join}, ranks)
	require.Equal(t, "requeue 77\n", j.said(t, "scontrol")) // not again
}

// Workers that have not heard of the learner's end are told, and those that never saw an address give up, so that the job ends.
func TestSlurmJobEndsWithItsLearner(t *testing.T) {
	j := newJob(t)
	j.env = []string{"DEAF=yes"}
	j.start(t, "", "--members", "3")
	require.Empty(t, j.said(t, "scontrol"))

	require.NoError(t, os.WriteFile(filepath.Join(j.fake, "metatrain"), []byte("#!/bin/bash\n>\"$FAKE/rank$SLURM_PROCID\"\n"), 0o755))
	for _, rank := range []string{"rank1", "rank2"} { // which never come to call it
		require.NoError(t, os.WriteFile(filepath.Join(j.fake, rank), nil, 0o600))
	}
	j.start(t, "", "--members", "3")
}

func TestSlurmJobNeedsAFolder(t *testing.T) {
	j := newJob(t)
	c := exec.Command("bash", "slurm.sbatch")
	c.Env = append(os.Environ(), "PATH="+j.fake+string(os.PathListSeparator)+os.Getenv("PATH"), "RUN=")
	output, err := c.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "want the folder of the run")
}

// What the options say goes together: the signal goes to the script, which queues the job again, and early enough.
func TestSlurmOptions(t *testing.T) {
	options := regexp.MustCompile(`(?m)^#SBATCH --([a-z-]+)(?:=(\S+))?$`).FindAllStringSubmatch(read(t, "slurm.sbatch"), -1)
	said := map[string]string{}
	for _, o := range options {
		said[o[1]] = o[2]
	}
	require.Regexp(t, `^B:USR1@\d{3}$`, said["signal"])
	for _, name := range []string{"requeue", "no-kill", "time", "nodes", "ntasks-per-node", "mem-per-cpu"} {
		require.Contains(t, said, name)
	}
	require.Equal(t, "append", said["open-mode"])
}

func TestShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("NOT CHECKED: shellcheck is not installed")
	}
	output, err := exec.Command("shellcheck", "slurm.sbatch").CombinedOutput()
	require.NoError(t, err, string(output))
}
