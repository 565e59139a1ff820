// Package build tells what a program was built from and what it runs on: what bits depend on besides settings.
package build

import (
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/seed1498fded/unroll/internal/kernel"
)

// module is the path of the module that this package belongs to.
var module = strings.TrimSuffix(reflect.TypeFor[Info]().PkgPath(), "/internal/build")

// Info is what is known of a build. Revision is known only to programs built inside the repository, with version control on.
type Info struct {
	Version      string // of this module, "(devel)" if nobody has numbered it, "" if the program does not know
	Revision     string // the commit, "" if the program does not know
	Modified     bool   // whether the commit was changed before it was built
	Go           string // of the toolchain, such as "go1.26.0"
	Instructions string // of the processor, as far as they are in use, such as "amd64 avx512"
}

// Here returns what is known of the running program.
func Here() Info {
	info, _ := debug.ReadBuildInfo() // nil if the program was built without modules
	return from(info)
}

// from reads what the linker has noted. In a program of another module this one is among the dependencies, and the revision
// is that of the program, which says nothing about this one.
func from(b *debug.BuildInfo) Info {
	i := Info{Go: runtime.Version(), Instructions: runtime.GOARCH + " " + kernel.Level()}
	if b == nil {
		return i
	}
	for _, d := range b.Deps {
		if d.Path == module {
			i.Version = d.Version
			return i
		}
	}
	i.Version = b.Main.Version
	for _, s := range b.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Revision = s.Value
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
	return i
}

// String returns a line such as "unroll v1.2.3, revision 2609b20e41ad modified, go1.26.0, linux, amd64 avx512".
func (i Info) String() string {
	parts := []string{strings.TrimSpace("unroll " + i.Version)}
	if i.Revision != "" {
		revision := "revision " + i.Revision[:min(12, len(i.Revision))]
		if i.Modified {
			revision += " modified"
		}
		parts = append(parts, revision)
	}
	return strings.Join(append(parts, i.Go, runtime.GOOS, i.Instructions), ", ")
}
