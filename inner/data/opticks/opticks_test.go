package opticks

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spell is the way back from numbers to text.
func spell(t *Text) string {
	var b strings.Builder
	for _, c := range t.Codes {
		b.WriteByte(t.Alphabet[c])
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	train, test, err := Load()
	require.NoError(t, err)
	assert.Len(t, train.Alphabet, 93)
	assert.Len(t, train.Codes, 510_471)
	all := spell(train) + spell(test)
	assert.Contains(t, all[:1000], "Reflections")
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	assert.Contains(t, string(readme), fmt.Sprintf("%d bytes, sha256 `%x`", len(all), sha256.Sum256([]byte(all))))
}

func TestNumber(t *testing.T) {
	text := Number([]byte("abracadabra"))
	assert.Equal(t, "abcdr", string(text.Alphabet))
	assert.Equal(t, []byte{0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0}, text.Codes)
	assert.Equal(t, "cad", spell(text.Slice(4, 7)))
}
