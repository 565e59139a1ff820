package page_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/eval/page"
)

const drawn = `<?xml version="1.0"?>
<svg width="9pt"><path d="M0,0" style="fill:#FFFFFF" /><path style="stroke:#000000" /><text style="font-family:Liberation Serif">a</text></svg>`

// requireWellFormed reads a page to its end.
func requireWellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else {
			require.NoError(t, err)
		}
	}
}

// Law: whatever the texts are, the page is well-formed, has them all as texts, and asks for nothing from anywhere.
func TestWrite(t *testing.T) {
	const wild = `<script>alert("x")</script>&'`
	figure, err := page.Draw(wild, []byte(drawn))
	require.NoError(t, err)
	p := page.Page{
		Title: wild, Lead: wild, Facts: []page.Fact{{Name: wild, Text: wild}, {Name: "command", Text: wild, Code: true}},
		Sections: []page.Section{{
			Heading: wild, Notes: []string{wild}, Figures: []page.Figure{figure},
			Tables: []page.Table{{Caption: wild, Head: []string{wild}, Rows: [][]string{{wild}}, Words: true}},
		}},
	}
	var b strings.Builder
	require.NoError(t, p.Write(&b))
	requireWellFormed(t, b.String())
	require.NotContains(t, b.String(), "<script")
	require.Equal(t, 13, strings.Count(b.String(), "&lt;script&gt;"))
	for _, request := range []string{"src=", "<link", "url(", "@import", "http"} {
		require.NotContains(t, b.String(), request)
	}
	for _, media := range []string{"prefers-color-scheme: dark", "@media print"} {
		require.Contains(t, b.String(), media)
	}
}

// A picture takes the colours of the page, and says what it is.
func TestDraw(t *testing.T) {
	f, err := page.Draw("loss", []byte(drawn))
	require.NoError(t, err)
	svg := string(f.SVG)
	require.True(t, strings.HasPrefix(svg, `<svg role="img" aria-label="loss" width="9pt">`), svg)
	require.NotContains(t, svg, "#FFFFFF")
	require.Contains(t, svg, "stroke:currentColor")
	require.Contains(t, svg, "fill:currentColor")
	_, err = page.Draw("loss", []byte("none"))
	require.EqualError(t, err, "page: no picture came of loss")
}
