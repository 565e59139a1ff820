package metatrain

import (
	"embed"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
)

//go:embed recipes
var recipes embed.FS

// recipeNames returns the names of the embedded recipes.
func recipeNames() []string {
	files, err := recipes.ReadDir("recipes")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// ReadRecipe implements cli.Recipes.
func (*options) ReadRecipe(name string) ([]byte, error) {
	if text, err := recipes.ReadFile("recipes/" + name + ".yaml"); err == nil {
		return text, nil
	}
	text, err := cli.ReadConfig(name)
	if err != nil {
		return nil, fmt.Errorf("%w; recipes that come with the program: %s", err, strings.Join(recipeNames(), ", "))
	}
	return text, nil
}
