package build

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/kernel"
)

func TestFrom(t *testing.T) {
	require.Equal(t, "github.com/seed1498fded/unroll", module)
	here := ", " + runtime.Version() + ", " + runtime.GOOS + ", " + runtime.GOARCH + " " + kernel.Level()
	commit := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "2609b20e41ad5c3f"}, {Key: "vcs.modified", Value: "false"}}
	changed := []debug.BuildSetting{{Key: "vcs.revision", Value: "2609b20"}, {Key: "vcs.modified", Value: "true"}}
	for name, c := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"nothing known":     {nil, "unroll"},
		"no version":        {&debug.BuildInfo{}, "unroll"},
		"not numbered":      {&debug.BuildInfo{Main: debug.Module{Path: module, Version: "(devel)"}}, "unroll (devel)"},
		"a release":         {&debug.BuildInfo{Main: debug.Module{Path: module, Version: "v1.2.3"}, Settings: commit}, "unroll v1.2.3, revision 2609b20e41ad"},
		"a change":          {&debug.BuildInfo{Main: debug.Module{Path: module, Version: "(devel)"}, Settings: changed}, "unroll (devel), revision 2609b20 modified"},
		"in another module": {&debug.BuildInfo{Main: debug.Module{Path: "other", Version: "v9.9.9"}, Deps: []*debug.Module{{Path: "x"}, {Path: module, Version: "v1.2.3"}}, Settings: changed}, "unroll v1.2.3"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want+here, from(c.info).String()) })
	}
}

func TestHere(t *testing.T) {
	require.Equal(t, runtime.GOARCH+" "+kernel.Level(), Here().Instructions)
	require.Equal(t, runtime.Version(), Here().Go)
}
