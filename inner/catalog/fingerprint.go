package catalog

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/data"
)

// Fingerprint returns the [data.Fingerprint] of the data that Lookup takes the problem's images from, training and test set
// both, whatever the split and the size that they are made; it is empty for a problem without data. A run that is resumed
// tells by it that it goes on with the same images. That of a mix is of its file too. Errors are those of Lookup for the name and the data.
func Fingerprint(name string, o Options) (string, error) {
	l, err := find(name)
	if err != nil || !l.images {
		return "", err
	}
	train, test, err := load(o.Data)
	if err != nil {
		return "", fmt.Errorf("catalog: %s: %w", name, err)
	}
	print := data.Fingerprint(train, test)
	if l.mix == "" {
		return print, nil
	}
	of, err := mixFingerprint(l.mix)
	if err != nil {
		return "", fmt.Errorf("catalog: %s: %w", name, err)
	}
	return print + of, nil
}
