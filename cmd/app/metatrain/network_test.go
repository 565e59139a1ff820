//go:build unix

package metatrain

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/meta/dist/queue"
)

// A helper is a worker process.
type helper struct {
	*exec.Cmd
	log  bytes.Buffer
	done chan error
}

func help(t *testing.T, args ...string) *helper {
	t.Helper()
	h := &helper{Cmd: exec.Command(os.Args[0], append(args, "--progress", "plain")...), done: make(chan error, 1)}
	h.Env = append(os.Environ(), "METATRAIN_TEST_MAIN=1")
	h.Stderr = &h.log
	require.NoError(t, h.Start())
	go func() { h.done <- h.Wait() }()
	t.Cleanup(func() { _ = h.Process.Kill() })
	return h
}

// ends waits for a worker to end by itself.
func (h *helper) ends(t *testing.T) {
	t.Helper()
	select {
	case err := <-h.done:
		require.NoError(t, err, h.log.String())
	case <-time.After(20 * time.Second):
		require.Fail(t, "the worker does not end", h.log.String())
	}
}

// joins starts a worker as soon as the server of a run is there.
func joins(t *testing.T, dir, tokenFile string, args ...string) *helper {
	t.Helper()
	return help(t, append([]string{"--connect", address(t, dir), "--token-file", tokenFile}, args...)...)
}

func address(t *testing.T, dir string) string {
	t.Helper()
	var text []byte
	require.Eventually(t, func() bool {
		text, _ = os.ReadFile(filepath.Join(dir, addressFile))
		return len(text) > 0
	}, 20*time.Second, 5*time.Millisecond)
	return strings.TrimSpace(string(text))
}

// Law: with workers in other processes, phi, log and checkpoints are those of goroutines alone, to the byte.
func TestWorkersElsewhere(t *testing.T) {
	for name, args := range map[string][]string{
		"windows": small("--members", "3", "--episodes", "12"),
		"one":     small("--episodes", "6"),
		"pes":     small("--members", "2", "--estimator", "pes", "--estimator-config", `{"pairs":2}`, "--every", "2", "--episodes", "8"),
		"search":  briefly("es", "--generations", "3"),
		"gp":      briefly("gp", "--generations", "2"),
	} {
		t.Run(name, func(t *testing.T) {
			want := learned(t, args...)
			dir, token := t.TempDir(), filepath.Join(t.TempDir(), "token")
			done := make(chan error, 1)
			var log bytes.Buffer
			go func() {
				done <- learn(t, context.Background(), &log, append(args, "--out", dir, "--listen", "127.0.0.1:0", "--token-file", token)...)
			}()
			h := joins(t, dir, token, "--workers", "2")
			require.NoError(t, <-done)
			h.ends(t)
			require.Equal(t, want, clitest.Tree(t, dir))
			require.Contains(t, log.String(), "workers may join: metatrain --connect nats://127.0.0.1:")
			require.Contains(t, log.String(), " goroutines busy, ")
			info, err := os.Stat(token)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
		})
	}
}

// Law: a worker that is killed, one that is stopped, and a learner that is killed and resumed change no bit, and workers wait for it.
func TestKilledAndResumed(t *testing.T) {
	want := learned(t, small("--members", "3", "--episodes", "60")...)
	dir, token := t.TempDir(), filepath.Join(t.TempDir(), "token")
	port := freePort(t)
	listen := []string{"--listen", port, "--token-file", token}
	cmd := help(t, append(small("--members", "3", "--episodes", "1000000", "--out", dir), listen...)...)
	first, second := joins(t, dir, token), joins(t, dir, token)
	require.Eventually(t, func() bool { return logged(dir) >= 4 }, 20*time.Second, time.Millisecond)
	require.NoError(t, first.Process.Kill())
	require.NoError(t, second.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool { return logged(dir) >= 6 }, 20*time.Second, time.Millisecond, "it goes on without them")
	require.NoError(t, cmd.Process.Kill())
	<-cmd.done
	require.NoError(t, second.Process.Signal(syscall.SIGCONT))

	episodes := strconv.Itoa(max(60, 3*(logged(dir)+3)))
	if episodes != "60" {
		want = learned(t, small("--members", "3", "--episodes", episodes)...)
	}
	require.NoError(t, learn(t, context.Background(), io.Discard, append(listen, "--resume", dir, "--episodes", episodes)...))
	second.ends(t)
	require.Equal(t, want, clitest.Tree(t, dir))
}

// logged counts the lines of a log.
func logged(dir string) int {
	log, _ := os.ReadFile(filepath.Join(dir, logFile))
	return bytes.Count(log, []byte("\n"))
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// A server that exists will do, with the name of the run in its address; nothing of it is in the folder.
func TestServerElsewhere(t *testing.T) {
	s, err := queue.NewServer(queue.ServerConfig{Dir: t.TempDir(), Token: "secret"})
	require.NoError(t, err)
	defer s.Shutdown()
	url := "nats://127.0.0.1:" + strconv.Itoa(s.Port()) + "/mine"
	t.Setenv("UNROLL_TOKEN", "secret")
	dir := t.TempDir()
	h := help(t, "--connect", url)
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--members", "3", "--episodes", "9", "--nats", url, "--out", dir)...))
	h.ends(t)
	require.Equal(t, learned(t, small("--members", "3", "--episodes", "9")...), clitest.Tree(t, dir))
}

// A learner that is to stop does, with everything saved; its worker waits, and can be told to stop too.
func TestStoppedWithWorkers(t *testing.T) {
	dir, token := t.TempDir(), filepath.Join(t.TempDir(), "token")
	cmd := help(t, append(small("--members", "3", "--episodes", "1000000", "--out", dir), "--listen", "127.0.0.1:0", "--token-file", token)...)
	h := joins(t, dir, token)
	require.Eventually(t, func() bool { return logged(dir) >= 2 }, 20*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	<-cmd.done
	require.Equal(t, 128+int(syscall.SIGTERM), cmd.ProcessState.ExitCode(), cmd.log.String())
	require.NoError(t, h.Process.Signal(syscall.SIGTERM))
	<-h.done
	require.Equal(t, 128+int(syscall.SIGTERM), h.ProcessState.ExitCode(), h.log.String())
	episodes := strconv.Itoa(3 * (logged(dir) + 1))
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", episodes))
	got := clitest.Tree(t, dir)
	maps.DeleteFunc(got, func(name, _ string) bool { return strings.HasPrefix(name, streamFolder) || name == addressFile })
	require.Equal(t, learned(t, small("--members", "3", "--episodes", episodes)...), got)
}

// With a certificate nothing goes in the clear, and whoever does not trust it stays away.
func TestTLS(t *testing.T) {
	folder := t.TempDir()
	cert, key := certificate(t, folder)
	dir, token := t.TempDir(), filepath.Join(folder, "token")
	done := make(chan error, 1)
	go func() {
		done <- learn(t, context.Background(), io.Discard, small("--members", "3", "--episodes", "9", "--out", dir,
			"--listen", "127.0.0.1:0", "--token-file", token, "--tls-cert", cert, "--tls-key", key)...)
	}()
	require.True(t, strings.HasPrefix(address(t, dir), "tls://"))
	require.NoError(t, <-done, "nobody helps")
	dir = t.TempDir()
	go func() {
		done <- learn(t, context.Background(), io.Discard, small("--members", "3", "--episodes", "9", "--out", dir,
			"--listen", "127.0.0.1:0", "--token-file", token, "--tls-cert", cert, "--tls-key", key)...)
	}()
	h := joins(t, dir, token, "--tls-ca", cert)
	require.NoError(t, <-done)
	h.ends(t)
	require.Equal(t, learned(t, small("--members", "3", "--episodes", "9")...), clitest.Tree(t, dir))
}

// certificate writes one of its own making, for this machine.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	clitest.WriteFile(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})))
	clitest.WriteFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return cert, key
}

// What makes no sense is refused before anything is written, in words that name the flag.
func TestNetworkRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteFile(t, "empty", "\n")
	for want, flags := range map[string][]string{
		"--listen: not with --nats":                    {"--listen", "127.0.0.1:0", "--nats", "nats://a:1"},
		"--token: not with --token-file":               {"--token", "x", "--token-file", "y", "--listen", "127.0.0.1:0"},
		"--tls-cert: it goes with --tls-key":           {"--listen", "127.0.0.1:0", "--tls-cert", "x"},
		"--tls-cert: it is for the server":             {"--nats", "nats://a:1", "--tls-cert", "x", "--tls-key", "x"},
		"--tls-ca: it is for":                          {"--listen", "127.0.0.1:0", "--tls-ca", "x"},
		"--any-kernels: it is for the learner":         {"--any-kernels"},
		"--connect: want nats://":                      {"--connect", "here"},
		"--horizon: not with --connect":                {"--connect", "nats://a:1", "--horizon", "3"},
		"--out: not with --connect":                    {"--connect", "nats://a:1", "--out", "x"},
		"--token-file nowhere: ":                       {"--connect", "nats://a:1", "--token-file", "nowhere"},
		"--token-file empty: want one line":            {"--connect", "nats://a:1", "--token-file", "empty"},
		"--settle: with --listen say --episodes":       {"--listen", "127.0.0.1:0", "--settle", "--budget", "10s"},
		"--tasks-per-step: not with --learner es":      {"--problem", "boolean", "--rule", "bengio7", "--learner", "es", "--members", "2"},
		"--tls-ca empty: want certificates":            {"--connect", "nats://a:1", "--tls-ca", "empty"},
		"--nats: want nats://HOST:PORT or tls://HOST:": {"--nats", "somewhere", "--episodes", "1", "--problem", "quadratic"},
	} {
		clitest.RequireRefused(t, Run, want, append(flags, "--progress", "off")...)
	}
}

// What is a file's name does not travel.
func TestTravels(t *testing.T) {
	require.NoError(t, settings{Problem: "mix:small"}.travels())
	require.ErrorContains(t, settings{Problem: "mix:mine.yaml"}.travels(), "--problem mix:mine.yaml")
	require.ErrorContains(t, settings{Estimator: distils, From: "zoo:general"}.travels(), "--estimator distil, whose teacher is --from zoo:general")
	require.ErrorContains(t, (&remote{}).suits(settings{Data: "here"}), "--data here: not with --listen: workers open no file")
	require.NoError(t, (*remote)(nil).suits(settings{Data: "here"}))
}

// A worker opens no file that a learner names, whatever it says.
func TestSettingsOfAHostileLearner(t *testing.T) {
	for _, text := range []string{
		`{`, `{}`, `{"problem":"mnist8","data":"/etc"}`, `{"problem":"mix:/etc/passwd"}`, `{"problem":"quadratic","rule":"lstm","from":"/etc/passwd"}`,
		`{"problem":"quadratic","rule":"lstm","horizon":3,"window":5}`, `{"problem":"nothing","rule":"lstm"}`,
		`{"problem":"quadratic","rule":"lstm","rule-config":"{\"hidden\":100000000}","horizon":5,"window":5,"copies":1,"fraction":1}`,
	} {
		made, err := evaluators([]byte(text))
		if err == nil {
			_, err = made()
		}
		require.Error(t, err, text)
		require.False(t, errors.Is(err, context.Canceled))
	}
}
