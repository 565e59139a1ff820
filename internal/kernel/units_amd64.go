//go:build !purego

package kernel

// ofUnits are the kernels of each level above plain for FewUnits and MostUnits.
var ofUnits = [avx512 + 1][2]unitKernels{
	avx2: {
		{
			sideTerms4AVX2, expandTerms4AVX2, perceptron4AVX2, perceptronGrid4AVX2,
			perceptronBack4AVX2, momentsBack4AVX2, foldTerms4AVX2,
		},
		{
			sideTerms8AVX2, expandTerms8AVX2, perceptron8AVX2, perceptronGrid8AVX2,
			perceptronBack8AVX2, momentsBack8AVX2, foldTerms8AVX2,
		},
	},
	avx512: {
		{
			sideTerms4AVX512, expandTerms4AVX512, perceptron4AVX512, perceptronGrid4AVX512,
			perceptronBack4AVX512, momentsBack4AVX512, foldTerms4AVX512,
		},
		{
			sideTerms8AVX512, expandTerms8AVX512, perceptron8AVX512, perceptronGrid8AVX512,
			perceptronBack8AVX512, momentsBack8AVX512, foldTerms8AVX512,
		},
	},
}
