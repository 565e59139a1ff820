// Package deploy holds no code, only tests of the files in this folder: that they say what README.md says they do, agree with one
// another, and use flags that there are.
package deploy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/seed1498fded/unroll/cmd/app/metatrain"
)

// node is what a YAML document holds: maps, lists and scalars.
type node = any

// at goes down a path of keys, and numbers in lists as "0", from a node. What is not there is an error of the test.
func at(t *testing.T, n node, keys ...string) node {
	t.Helper()
	for i, key := range keys {
		switch x := n.(type) {
		case map[string]any:
			v, ok := x[key]
			require.True(t, ok, "no %s", strings.Join(keys[:i+1], "."))
			n = v
		case []any:
			require.Equal(t, "0", key)
			require.NotEmpty(t, x, "nothing in %s", strings.Join(keys[:i], "."))
			n = x[0]
		default:
			require.Fail(t, "not a map or list", "%s is %v", strings.Join(keys[:i], "."), n)
		}
	}
	return n
}

func read(t *testing.T, name string) string {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// objects are the documents of the manifest by kind and name.
func objects(t *testing.T) map[string]node {
	found := map[string]node{}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "kubernetes.yaml")))
	for {
		var n map[string]any
		err := decoder.Decode(&n)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		name := at(t, n, "kind").(string) + "/" + at(t, n, "metadata", "name").(string)
		require.NotContains(t, found, name)
		found[name] = n
	}
}

func texts(t *testing.T, n node) []string {
	var all []string
	for _, x := range n.([]any) {
		all = append(all, x.(string))
	}
	return all
}

// flag returns the value of --name=value among arguments.
func flag(t *testing.T, args []string, name string) string {
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
	}
	require.Fail(t, "no flag", "--%s in %q", name, args)
	return ""
}

const learner, worker = "StatefulSet/unroll-learner", "Deployment/unroll-worker"

func pod(t *testing.T, o map[string]node, name string) node {
	return at(t, o[name], "spec", "template", "spec")
}

// One name and one port lead from workers to the learner, through the service and past the policies.
func TestNamesAndPortsAgree(t *testing.T) {
	o := objects(t)
	require.Len(t, o, 5)
	service, listens := o["Service/unroll-learner"], at(t, pod(t, o, learner), "containers", "0")
	_, port, err := net.SplitHostPort(flag(t, texts(t, at(t, listens, "args")), "listen"))
	require.NoError(t, err)
	connect, err := url.Parse(flag(t, texts(t, at(t, pod(t, o, worker), "containers", "0", "args")), "connect"))
	require.NoError(t, err)

	require.Equal(t, "nats", connect.Scheme)
	require.Equal(t, at(t, service, "metadata", "name"), connect.Hostname())
	require.Equal(t, at(t, service, "metadata", "name"), at(t, o[learner], "spec", "serviceName"))
	require.Equal(t, "None", at(t, service, "spec", "clusterIP"))
	require.Equal(t, port, connect.Port())
	named := at(t, listens, "ports", "0", "name")
	require.EqualValues(t, port, yamlText(t, at(t, listens, "ports", "0", "containerPort")))
	require.EqualValues(t, port, yamlText(t, at(t, service, "spec", "ports", "0", "port")))
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		require.Equal(t, named, at(t, listens, probe, "tcpSocket", "port"))
	}
	require.Equal(t, named, at(t, service, "spec", "ports", "0", "targetPort"))

	// Labels: the service and the policies mean these pods.
	for name, selector := range map[string]node{
		learner: at(t, service, "spec", "selector"), worker: at(t, o[worker], "spec", "selector", "matchLabels"),
	} {
		labels := at(t, o[name], "spec", "template", "metadata", "labels")
		require.Equal(t, labels, selector)
		require.Equal(t, labels, at(t, o[name], "spec", "selector", "matchLabels"))
		policy := o["NetworkPolicy/"+path.Base(name)]
		require.Equal(t, labels, at(t, policy, "spec", "podSelector", "matchLabels"))
		require.Equal(t, []any{"Ingress", "Egress"}, at(t, policy, "spec", "policyTypes"))
	}
	in := at(t, o["NetworkPolicy/unroll-learner"], "spec", "ingress", "0")
	require.Equal(t, at(t, o[worker], "spec", "selector", "matchLabels"), at(t, in, "from", "0", "podSelector", "matchLabels"))
	require.Equal(t, named, at(t, in, "ports", "0", "port"))
	out := at(t, o["NetworkPolicy/unroll-worker"], "spec", "egress", "0")
	require.Equal(t, at(t, o[learner], "spec", "selector", "matchLabels"), at(t, out, "to", "0", "podSelector", "matchLabels"))
	require.Equal(t, named, at(t, out, "ports", "0", "port"))
	require.Empty(t, at(t, o["NetworkPolicy/unroll-worker"], "spec", "ingress"))
}

func yamlText(t *testing.T, n node) string {
	text, err := yaml.Marshal(n)
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// Pods run as nobody, can write to volumes alone and take no more than is said; each mount is of a volume that there is.
func TestPodsAreConfined(t *testing.T) {
	o := objects(t)
	user := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(read(t, "Containerfile"))
	require.NotNil(t, user)
	for _, name := range []string{learner, worker} {
		p := pod(t, o, name)
		security := at(t, p, "securityContext")
		require.Equal(t, true, at(t, security, "runAsNonRoot"))
		require.Equal(t, user[1], yamlText(t, at(t, security, "runAsUser")))
		require.Equal(t, user[2], yamlText(t, at(t, security, "fsGroup")))
		require.Equal(t, "RuntimeDefault", at(t, security, "seccompProfile", "type"))
		require.Equal(t, false, at(t, p, "automountServiceAccountToken"))

		volumes := []string{}
		if claims, ok := at(t, o[name], "spec").(map[string]any)["volumeClaimTemplates"]; ok {
			volumes = append(volumes, at(t, claims, "0", "metadata", "name").(string))
		}
		for _, v := range at(t, p, "volumes").([]any) {
			volumes = append(volumes, at(t, v, "name").(string))
			if secret, ok := v.(map[string]any)["secret"]; ok {
				require.Equal(t, "unroll-token", at(t, secret, "secretName"))
			}
		}
		containers := at(t, p, "containers").([]any)
		for _, c := range containers {
			require.Equal(t, true, at(t, c, "securityContext", "readOnlyRootFilesystem"))
			require.Equal(t, false, at(t, c, "securityContext", "allowPrivilegeEscalation"))
			require.Equal(t, []any{"ALL"}, at(t, c, "securityContext", "capabilities", "drop"))
			for _, resource := range []string{"cpu", "memory"} {
				at(t, c, "resources", "requests", resource)
				at(t, c, "resources", "limits", resource)
			}
			for _, m := range at(t, c, "volumeMounts").([]any) {
				require.Contains(t, volumes, at(t, m, "name"))
			}
		}
		main := at(t, p, "containers", "0")
		require.Equal(t, "unroll:latest", at(t, main, "image"))
		token := path.Dir(flag(t, texts(t, at(t, main, "args")), "token-file"))
		require.True(t, slices.ContainsFunc(at(t, main, "volumeMounts").([]any), func(m any) bool {
			return at(t, m, "name") == "token" && at(t, m, "mountPath") == token
		}), "the token is where the flag says")
	}
}

func TestComposeAgrees(t *testing.T) {
	var n map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "compose.yaml")), &n))
	services := at(t, n, "services").(map[string]any)
	listens, connects := texts(t, at(t, services, "learner", "command")), texts(t, at(t, services, "worker", "command"))
	_, port, err := net.SplitHostPort(flag(t, listens, "listen"))
	require.NoError(t, err)
	require.Equal(t, "nats://learner:"+port, flag(t, connects, "connect"))
	for _, name := range []string{"learner", "worker"} {
		s := services[name]
		require.Equal(t, true, at(t, s, "read_only"))
		require.Equal(t, []any{"ALL"}, at(t, s, "cap_drop"))
		require.Equal(t, "unroll:latest", at(t, s, "image"))
		require.FileExists(t, filepath.Join("..", at(t, s, "build", "dockerfile").(string)))
		for _, secret := range texts(t, at(t, s, "secrets")) {
			at(t, n, "secrets", secret, "file")
			require.Equal(t, "/run/secrets/"+secret, flag(t, texts(t, at(t, s, "command")), "token-file"))
		}
		for _, network := range texts(t, at(t, s, "networks")) {
			at(t, n, "networks").(map[string]any)[network] = true
		}
		require.Len(t, at(t, n, "networks"), 1)
	}
	mount := regexp.MustCompile(`(?m)^VOLUME (\S+)$`).FindStringSubmatch(read(t, "Containerfile"))
	require.NotNil(t, mount)
	require.Equal(t, []string{"runs:" + mount[1]}, texts(t, at(t, services, "learner", "volumes")))
	require.Equal(t, mount[1], path.Dir(flag(t, listens, "out")), "what is to last is on the volume")
}

// The image is of one static program that there is, made by the Go that go.mod asks for, run by nobody in particular.
func TestContainerfile(t *testing.T) {
	text := read(t, "Containerfile")
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, filepath.Join("..", "go.mod")))
	require.NotNil(t, goVersion)
	require.Contains(t, text, "FROM golang:"+goVersion[1]+" AS build\n")
	built := regexp.MustCompile(`CGO_ENABLED=0 go build .* -o /out/(\w+) \./(\S+)`).FindStringSubmatch(text)
	require.NotNil(t, built)
	require.DirExists(t, filepath.Join("..", filepath.FromSlash(built[2])))
	_, image, ok := strings.Cut(text, "\nFROM scratch\n")
	require.True(t, ok)
	require.Contains(t, image, "COPY --from=build /out/"+built[1]+" /"+built[1]+"\n")
	require.Contains(t, image, `ENTRYPOINT ["/`+built[1]+`"]`)
	require.NotContains(t, image, "USER 0")
}

// arguments are those of metatrain that the files give it, by what they are for.
func arguments(t *testing.T) map[string][]string {
	o := objects(t)
	var n map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "compose.yaml")), &n))
	all := map[string][]string{
		"kubernetes, learner": texts(t, at(t, pod(t, o, learner), "containers", "0", "args")),
		"kubernetes, worker":  texts(t, at(t, pod(t, o, worker), "containers", "0", "args")),
		"compose, learner":    texts(t, at(t, n, "services", "learner", "command")),
		"compose, worker":     texts(t, at(t, n, "services", "worker", "command")),
	}
	for i, args := range dryRun(t, "") {
		all["slurm, rank "+string(rune('0'+i))] = args
	}
	return all
}

// A learner that is started again goes on, or begins if there is nothing yet to go on with: no shell decides.
func TestLearnersBeginOrGoOn(t *testing.T) {
	for name, args := range arguments(t) {
		begins := strings.HasSuffix(name, "learner") || name == "slurm, rank 0"
		require.Equal(t, begins, slices.Contains(args, "--resume-if-there"), name)
	}
}

// The program's own parser takes what the files give it: it goes on as far as a run that is stopped before its first outer step.
func TestArgumentsAreTheProgramsOwn(t *testing.T) {
	for name, args := range arguments(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			token := filepath.Join(dir, "token")
			require.NoError(t, os.WriteFile(token, []byte("a token of some length\n"), 0o600))
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			var stdout, stderr bytes.Buffer
			err := metatrain.Run(ctx, replaced(args, map[string]string{
				"out": filepath.Join(dir, "run"), "token-file": token, "listen": "127.0.0.1:0",
				"connect": "nats://127.0.0.1:1",
			}), &stdout, &stderr)
			require.ErrorIs(t, err, context.Canceled, "%q: %s", args, stderr.String())
		})
	}
	err := metatrain.Run(context.Background(), []string{"--no-such-flag"}, io.Discard, io.Discard)
	require.Error(t, err)
	require.NotErrorIs(t, err, context.Canceled)
}

// replaced returns arguments with the values of some flags replaced, whether they follow after = or as the next argument.
func replaced(args []string, values map[string]string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		for name, value := range values {
			switch {
			case strings.HasPrefix(arg, "--"+name+"="):
				args[i] = "--" + name + "=" + value
			case arg == "--"+name && i+1 < len(args):
				args[i+1] = value
			}
		}
	}
	return args
}
