package search_test

import (
	"testing"

	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/meta/search/searchtest"
)

// away is where searches begin.
var away = []float64{3, -2, 1, 4, -1}

func TestES(t *testing.T) {
	for name, c := range map[string]search.ES{
		"Defaults": {}, "Small": {Mu: 3, Lambda: 12, Sigma: 2}, "Recombine": {Recombine: true}, "Isotropic": {Isotropic: true},
	} {
		t.Run(name, func(t *testing.T) {
			searchtest.Run(t, searchtest.Subject{Method: c, Start: away, Within: 20_000, Below: 1e-10})
		})
	}
}

func TestCMAES(t *testing.T) {
	for name, c := range map[string]search.CMAES{"Defaults": {}, "Large": {Lambda: 40}, "Odd": {Lambda: 5, Sigma: 0.1}} {
		t.Run(name, func(t *testing.T) {
			searchtest.Run(t, searchtest.Subject{Method: c, Start: away, Within: 4000, Below: 1e-10})
		})
	}
	searchtest.Run(t, searchtest.Subject{Method: search.CMAES{}, Start: away[:1], Within: 1000, Below: 1e-10})
}

func TestGA(t *testing.T) {
	for name, c := range map[string]search.GA{
		"Defaults": {}, "Cut": {Crossover: "cut", Elite: -1}, "Wide": {Spread: 3, Elite: 9, Tournament: 5},
	} {
		t.Run(name, func(t *testing.T) {
			searchtest.Run(t, searchtest.Subject{Method: c, Start: away, Within: 20_000, Below: 1e-3})
		})
	}
}

func TestAnneal(t *testing.T) {
	for name, c := range map[string]search.Anneal{"Defaults": {}, "Once": {Once: true}, "Alone": {Chains: 1, Cooling: 0.995}} {
		t.Run(name, func(t *testing.T) {
			searchtest.Run(t, searchtest.Subject{Method: c, Start: away, Within: 12_000, Below: 1e-2})
		})
	}
}
