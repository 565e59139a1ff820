package gosource

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoad(t *testing.T) {
	text, err := Load()
	require.NoError(t, err)
	plain := make([]byte, len(text.Codes))
	for i, c := range text.Codes {
		plain[i] = text.Alphabet[c]
	}
	require.Len(t, plain, 190263)
	require.Equal(t, "fed6a7a0f1080734c2df4bb5a598f559046a22da6cd61fd24c168590849af09e", fmt.Sprintf("%x", sha256.Sum256(plain)))
	require.Contains(t, string(plain), "func (")
}
