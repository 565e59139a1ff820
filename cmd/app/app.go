// Package app makes one program of the commands metatrain, compare, identify and metagrad, for those who have rules and problems of their own:
//
//	func main() {
//		learnedopt.Register(func() learnedopt.Rule { return new(mine) })
//		catalog.Register("bowl", catalog.Problem{Family: bowls})
//		app.Main()
//	}
//
// The program's first argument says which command it is to be; the other arguments are the command's, with every flag that
// ours has. The rules and problems that were registered are there by name. Packages metatrain, compare, identify and metagrad below
// are the commands by themselves.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/cmd/app/compare"
	"github.com/seed1498fded/unroll/cmd/app/identify"
	"github.com/seed1498fded/unroll/cmd/app/metagrad"
	"github.com/seed1498fded/unroll/cmd/app/metatrain"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
)

// Main runs the command that the first argument names as the process: arguments, standard streams, signals and exit status.
// It returns if all went well.
func Main() { cli.Main(Run) }

// Run runs the command that the first argument names with the others, until the context ends. The error is one line, for the
// user.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "metatrain":
		return metatrain.Run(ctx, args, stdout, stderr)
	case "compare":
		return compare.Run(ctx, args, stdout, stderr)
	case "identify":
		return identify.Run(ctx, args, stdout, stderr)
	case "metagrad":
		return metagrad.Run(ctx, args, stdout, stderr)
	case "--help", "-h":
		_, err := fmt.Fprintln(stdout, "The first argument is metatrain, compare, identify or metagrad; metatrain --help and so on tell the rest.")
		return err
	case "":
		return errors.New("want metatrain, compare, identify or metagrad as the first argument, got nothing")
	}
	return fmt.Errorf("want metatrain, compare, identify or metagrad as the first argument, got %.60q", name)
}
