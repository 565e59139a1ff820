package learnedopt

import "slices"

// Forget undoes Register, so that tests leave the registry as they found it.
func Forget(name string) {
	registered.mu.Lock()
	defer registered.mu.Unlock()
	registered.entries = slices.DeleteFunc(registered.entries, func(e entry) bool { return e.name == name })
}

// ImportCeloArrays is ImportCelo of what is in a file.
var ImportCeloArrays = importCelo
