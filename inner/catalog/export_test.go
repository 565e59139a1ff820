package catalog

import "slices"

// Forget undoes Register, so that tests leave the catalog as they found it.
func Forget(name string) {
	registered.mu.Lock()
	defer registered.mu.Unlock()
	registered.listings = slices.DeleteFunc(registered.listings, func(l listing) bool { return l.name == name })
}
