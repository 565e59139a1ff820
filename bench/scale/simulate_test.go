package main

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func simulate(t require.TestingT, s Settings) *Account {
	a, err := Simulate(context.Background(), s)
	require.NoError(t, err)
	return a
}

// Members that are all alike go in ceil(M/W) waves, where nothing else takes time.
func TestWaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, m, steps := rapid.IntRange(1, 40).Draw(t, "W"), rapid.IntRange(1, 100).Draw(t, "M"), rapid.IntRange(1, 4).Draw(t, "steps")
		took := time.Duration(rapid.IntRange(1, 1e9).Draw(t, "ns"))
		a := simulate(t, Settings{Workers: w, Members: m, Steps: steps, Member: took})
		waves := (m + w - 1) / w
		require.Equal(t, time.Duration(steps*waves)*took, a.Elapsed)
		require.Equal(t, time.Duration(steps*m)*took, a.Time[useful])
		require.InEpsilon(t, float64(m)/float64(w*waves), a.Efficiency(), 1e-12)
		require.Equal(t, steps*m, a.Deliveries)
	})
}

// spans are how long the outer steps took.
func spans(a *Account) []time.Duration {
	d := slices.Clone(a.Steps)
	for i := len(d) - 1; i > 0; i-- {
		d[i] -= d[i-1]
	}
	return d
}

// moments are the mean of times in seconds, and its standard error.
func moments(d []time.Duration) (mean, deviation float64) {
	n := float64(len(d))
	for _, x := range d {
		mean += x.Seconds() / n
	}
	for _, x := range d {
		deviation += (x.Seconds() - mean) * (x.Seconds() - mean) / (n * (n - 1))
	}
	return mean, math.Sqrt(deviation)
}

// An outer step of as many members as workers is as slow as its slowest: with probability 1 - (1-p)^M one straggles.
func TestOneStragglerHoldsAllUp(t *testing.T) {
	const p, m, slowness = 0.03, 20, 4
	a := simulate(t, Settings{Workers: m, Members: m, Steps: 4000, Straggle: p, Slowness: slowness})
	held := 0
	for _, d := range spans(a) {
		require.Contains(t, []time.Duration{time.Second, slowness * time.Second}, d)
		if d > time.Second {
			held++
		}
	}
	mean, deviation := moments(spans(a))
	require.InDelta(t, 1+(slowness-1)*(1-math.Pow(1-p, m)), mean, 4*deviation)
	require.Equal(t, a.Elapsed, time.Duration(4000+held*(slowness-1))*time.Second)
	require.Equal(t, time.Duration(4000*m)*time.Second, a.Time[useful])
	require.Zero(t, a.Time[slowed]%((slowness-1)*time.Second))
	require.InEpsilon(t, p*m*4000*(slowness-1), a.Time[slowed].Seconds(), 4/math.Sqrt(p*m*4000))
}

// With two workers for each member an outer step is held up by members alone of which both straggle: p² in the place of p. Nobody
// tells a straggler that it is late, so that there must be workers to spare.
func TestSecondWorkers(t *testing.T) {
	const p, m, slowness, steps = 0.1, 10, 5, 4000
	s := Settings{Workers: 2 * m, Members: m, Steps: steps, Straggle: p, Slowness: slowness, Backup: 1}
	a := simulate(t, s)
	free := 0.0
	for _, d := range spans(a) {
		if d == time.Second {
			free++
		}
	}
	want := math.Pow(1-p*p, m)
	require.InDelta(t, want, free/steps, 4*math.Sqrt(want*(1-want)/steps))
	require.Equal(t, steps*m, a.Backups)

	s.Straggle = 1 // nobody is any faster
	require.Equal(t, slowness*steps*time.Second, simulate(t, s).Elapsed)

	s = Settings{Workers: 4, Members: 2, Straggle: 0, Backup: 1}
	a = simulate(t, s)
	require.Equal(t, 2, a.Backups)
	require.Equal(t, [2]time.Duration{2 * time.Second, 2 * time.Second}, [2]time.Duration{a.Time[useful], a.Time[duplicate]})
	s.Backup = 0.49 // never as few as that
	require.Zero(t, simulate(t, s).Backups)
}

// A worker alone, whose life has mean L, needs (L + R)(e^(T/L) - 1) for a member of T, if the member is taken up again R after
// each death: the time to the first T without a death in a Poisson process.
func TestDeathsDelay(t *testing.T) {
	for _, tt := range []struct{ life, comeback, ack, repeat time.Duration }{
		{life: 2 * time.Second},
		{time.Second, 3 * time.Second, 500 * time.Millisecond, 3 * time.Second},
		{time.Second, 100 * time.Millisecond, 2 * time.Second, 2 * time.Second},
	} {
		a := simulate(t, Settings{Seed: 1, Steps: 20_000, Life: tt.life, Return: tt.comeback, AckWait: tt.ack})
		mean, deviation := moments(spans(a))
		l := tt.life.Seconds()
		require.InDelta(t, (l+tt.repeat.Seconds())*(math.Exp(1/l)-1), mean, 4*deviation)
		require.Equal(t, 20_000*time.Second, a.Time[useful])
		require.Greater(t, a.Deaths, 5000)
		require.Greater(t, a.Redeliveries, 5000)
	}
}

// Of two workers at a member each, the one that lives on takes over what the other held: AckWait after its death, or when it is
// through.
func TestASurvivorTakesOver(t *testing.T) {
	s := Settings{Workers: 2, Members: 2, Life: 50 * time.Second, Return: time.Hour, AckWait: 200 * time.Millisecond}
	seen := 0
	for s.Seed = range uint64(400) {
		a := simulate(t, s)
		if a.Deaths != 1 || a.Time[lost] == 0 {
			continue
		}
		seen++
		died := a.Time[lost]
		require.Equal(t, max(time.Second, died+s.AckWait)+time.Second, a.Elapsed)
		require.Equal(t, a.Elapsed-died, a.Time[away])
	}
	require.Greater(t, seen, 5)
}

// While a second worker is at a dead one's member, it goes to nobody else.
func TestASecondWorkerTakesOver(t *testing.T) {
	s := Settings{Workers: 3, Members: 1, Life: 10 * time.Second, Return: time.Hour, Backup: 1}
	seen := 0
	for s.Seed = range uint64(400) {
		if a := simulate(t, s); a.Deaths == 1 && a.Time[lost] > 0 {
			seen++
			require.Equal(t, [4]int{2, 0, 1, 1}, [4]int{a.Deliveries, a.Redeliveries, a.Backups, a.Deaths})
			require.Equal(t, time.Second, a.Elapsed)
		}
	}
	require.Greater(t, seen, 20)
}

// A link that everything goes through takes M times the larger of what a member sends each way, and the smaller once; latency
// counts four times: to the worker, and back, in the one and the other way for a task and a result.
func TestLink(t *testing.T) {
	const m = 10
	for _, tt := range []struct{ down, up int64 }{{1000, 300}, {300, 1000}, {0, 500}, {500, 500}} {
		s := Settings{
			Workers: m, Members: m, Steps: 3, Bandwidth: 1e6, Latency: 7 * time.Millisecond,
			Traffic: Traffic{Task: tt.down, Result: tt.up},
		}
		a := simulate(t, s)
		one := time.Second + 2*s.Latency + time.Duration(m*max(tt.down, tt.up)+min(tt.down, tt.up))*time.Microsecond
		require.Equal(t, 3*one, a.Elapsed, tt)
		require.Equal(t, [2]int64{3 * m * tt.down, 3 * m * tt.up}, [2]int64{a.Out, a.In})
	}
}

// Phi goes once to each worker that has members, in each outer step.
func TestPhiGoesOnceToAWorker(t *testing.T) {
	const phi = 1 << 20
	for _, tt := range []struct{ workers, members, copies int }{{3, 10, 3}, {10, 3, 3}, {1, 5, 1}} {
		s := Settings{Workers: tt.workers, Members: tt.members, Steps: 4, Traffic: Traffic{Phi: phi, PhiMessages: 5, TaskMessages: 2}}
		a := simulate(t, s)
		require.EqualValues(t, 4*tt.copies*phi, a.Out)
		require.EqualValues(t, 4*(5*tt.copies+2*tt.members), a.Messages)
	}
	// A worker alone gets it anew when it has died, as it does with each outer step.
	a := simulate(t, Settings{Steps: 100, Life: time.Second, Traffic: Traffic{Phi: phi}})
	require.Positive(t, a.Redeliveries)
	require.EqualValues(t, a.Deliveries*phi, a.Out)
}

// A server that handles r messages a second needs so long for what M members send, when it is alone in taking time.
func TestServer(t *testing.T) {
	const m = 8
	s := Settings{
		Workers: m, Members: m, Rate: 1000, Merge: 3 * time.Microsecond, Serial: 5 * time.Millisecond,
		Traffic: Traffic{TaskMessages: 4, ResultMessages: 3},
	}
	a := simulate(t, s)
	require.Equal(t, time.Second+(m*4+3)*time.Millisecond+s.Merge+s.Serial, a.Elapsed)
	require.Equal(t, 7*m*time.Millisecond, a.ServerBusy)
	require.Equal(t, m*s.Merge+s.Serial, a.LearnerBusy)

	s.Beats = 100 // of 8 workers: a fifth of the rate is left
	require.Equal(t, time.Second+(m*4+3)*5*time.Millisecond+s.Merge+s.Serial, simulate(t, s).Elapsed)
	s.Beats = 1000 // too many: a hundredth
	a = simulate(t, s)
	require.Equal(t, 7*m*100*time.Millisecond, a.ServerBusy) // longer than a member takes, so that it never rests
	require.Equal(t, a.ServerBusy+s.Merge+s.Serial, a.Elapsed)
}

// A learner that needs longer for a result than workers do for a member is what everybody waits for.
func TestLearnerAlone(t *testing.T) {
	s := Settings{Workers: 50, Members: 50, Steps: 2, Member: time.Millisecond, Merge: time.Second, Serial: time.Minute}
	require.Equal(t, 2*(time.Millisecond+50*time.Second+time.Minute), simulate(t, s).Elapsed)
}

func anySettings(t *rapid.T) Settings {
	ms := func(name string, top int) time.Duration {
		return time.Duration(rapid.IntRange(0, top).Draw(t, name)) * time.Millisecond
	}
	return Settings{
		Seed:    rapid.Uint64().Draw(t, "seed"),
		Workers: rapid.IntRange(1, 30).Draw(t, "W"), Members: rapid.IntRange(1, 60).Draw(t, "M"),
		Steps:  rapid.IntRange(1, 5).Draw(t, "steps"),
		Member: ms("member", 1000), Spread: rapid.Float64Range(0, 0.5).Draw(t, "spread"),
		Straggle: rapid.Float64Range(0, 0.5).Draw(t, "straggle"), Slowness: rapid.Float64Range(1, 5).Draw(t, "slowness"),
		Life: 10*time.Second + ms("life", 20_000), Return: ms("return", 3000), AckWait: ms("ackwait", 3000),
		Bandwidth: rapid.Float64Range(1e7, 1e9).Draw(t, "bandwidth"), Latency: ms("latency", 20),
		Rate: rapid.Float64Range(1e3, 1e6).Draw(t, "rate"), Beats: rapid.Float64Range(0, 3).Draw(t, "beats"),
		Merge: ms("merge", 2), Serial: ms("serial", 50), Backup: rapid.Float64Range(0, 1).Draw(t, "backup"),
		Traffic: Traffic{
			Task: rapid.Int64Range(0, 1e5).Draw(t, "task"), Phi: rapid.Int64Range(0, 1e6).Draw(t, "phi"),
			Result: rapid.Int64Range(0, 1e5).Draw(t, "result"), TaskMessages: 4, PhiMessages: 2, ResultMessages: 3,
		},
	}
}

// Whatever happens: every nanosecond of every worker goes into one use, every member counts once, for its own time, and a run
// told twice is the same.
func TestNothingIsLostOrCountedTwice(t *testing.T) {
	deaths, backups := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := anySettings(t)
		a := simulate(t, s)
		sum := time.Duration(0)
		for u, d := range a.Time {
			require.GreaterOrEqual(t, d, time.Duration(0), "use %d", u)
			sum += d
		}
		require.Equal(t, a.Elapsed*time.Duration(s.Workers), sum)

		own, d := time.Duration(0), newDraws(s.withDefaults())
		for step := range s.Steps {
			for m := range s.Members {
				own += d.member(step, m)
			}
		}
		require.Equal(t, own, a.Time[useful])
		require.Len(t, a.Steps, s.Steps)
		require.True(t, slices.IsSorted(a.Steps))
		require.Equal(t, a.Elapsed, a.Steps[s.Steps-1])
		require.GreaterOrEqual(t, a.Deliveries, s.Steps*s.Members+a.Backups)
		for _, busy := range []time.Duration{a.OutBusy, a.InBusy, a.ServerBusy, a.LearnerBusy} {
			require.LessOrEqual(t, busy, a.Elapsed+never/1024) // what is under way at the end counts as done
		}
		require.Equal(t, a, simulate(t, s))
		deaths, backups = deaths+a.Deaths, backups+a.Backups
	})
	require.Positive(t, deaths)
	require.Positive(t, backups)
}

// Members that are dealt out in order to whoever is free next end within Graham's bound (1969), not before the longest nor before
// all workers have had their share, and no later with one worker more.
func TestOneStepIsListScheduling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{
			Seed: rapid.Uint64().Draw(t, "seed"), Workers: rapid.IntRange(1, 20).Draw(t, "W"), Members: rapid.IntRange(1, 60).Draw(t, "M"),
			Spread: rapid.Float64Range(0, 2).Draw(t, "spread"), Straggle: 0.1, Slowness: 3,
		}
		a := simulate(t, s)
		d, sum, longest := newDraws(s.withDefaults()), 0.0, 0.0
		for m := range s.Members {
			own := d.member(0, m)
			x := (own + d.delay(0, m, 0, own)).Seconds()
			sum, longest = sum+x, max(longest, x)
		}
		w := float64(s.Workers)
		require.GreaterOrEqual(t, a.Elapsed.Seconds(), max(longest, sum/w)*(1-1e-12))
		require.LessOrEqual(t, a.Elapsed.Seconds(), (sum/w+(1-1/w)*longest)*(1+1e-12))
		s.Workers++
		require.LessOrEqual(t, simulate(t, s).Elapsed, a.Elapsed)
	})
}

// Another seed is another run, and the draws have the mean that is asked for.
func TestDraws(t *testing.T) {
	s := Settings{Members: 100, Workers: 10, Spread: 0.5}
	other := s
	other.Seed = 1
	require.NotEqual(t, simulate(t, s).Elapsed, simulate(t, other).Elapsed)

	d := newDraws(Settings{Seed: 3, Member: time.Second, Spread: 0.8, Life: time.Minute}.withDefaults())
	times, lives := make([]time.Duration, 20_000), make([]time.Duration, 20_000)
	logs := 0.0
	for i := range times {
		times[i], lives[i] = d.member(i%7, i), d.life(i, i%5)
		logs += math.Pow(math.Log(times[i].Seconds())+0.8*0.8/2, 2) / float64(len(times))
	}
	mean, deviation := moments(times)
	require.InDelta(t, 1, mean, 4*deviation)
	require.InEpsilon(t, 0.8*0.8, logs, 4*math.Sqrt(2.0/20_000))
	mean, deviation = moments(lives)
	require.InDelta(t, 60, mean, 4*deviation)
}

func TestSettingsOutOfRange(t *testing.T) {
	for want, s := range map[string]Settings{
		"workers is -1; want 1 to 1048576":      {Workers: -1},
		"members is 2097152; want 1 to 1048576": {Members: 2 << 20},
		"ackwait is -1s; want 0s to 1000h":      {AckWait: -time.Second},
		"straggle is 1.5; want 0 to 1":          {Straggle: 1.5},
		"spread is NaN; want 0 to 3":            {Spread: math.NaN()},
		"slowness is 0.5; want 1 to 1e6":        {Slowness: 0.5},
		"bytes of phi: -4; want 0 to 2^36":      {Traffic: Traffic{Phi: -4}},
		errHopeless.Error():                     {Life: time.Second, Member: 20 * time.Second},
		errTooLong.Error():                      {Workers: 1 << 20, Member: 1000 * time.Hour, Steps: 1 << 20},
	} {
		_, err := Simulate(context.Background(), s)
		require.EqualError(t, err, want)
	}
	_, err := Simulate(context.Background(), Settings{Steps: 10, Bandwidth: 1e-300, Traffic: Traffic{Task: 1 << 36, Result: 1 << 36}})
	require.ErrorIs(t, err, errTooLong)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Simulate(ctx, Settings{Steps: 1 << 20})
	require.ErrorIs(t, err, context.Canceled)
}
