// Package page writes reports as pages of HTML that need nothing else: no script, no font, no request. They are light or dark as the
// reader's system is, and black on white on paper.
package page

import (
	"bytes"
	_ "embed" // the template
	"errors"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var text string

var pages = template.Must(template.New("page").Parse(text))

// A Page is a report: what was found, then how.
type Page struct {
	Title, Lead string
	Sections    []Section
	Facts       []Fact // settings, the machine, the command
}

// A Section has any of its parts.
type Section struct {
	Heading string
	Tables  []Table
	Notes   []string
	Figures []Figure
}

// A Table is of text; the rows have a cell for each word of the head.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
	Words   bool // rather than numbers: aligned to the left, and broken where there is no room
}

// A Fact is a setting and its value.
type Fact struct {
	Name, Text string
	Code       bool // whether Text is something to be typed or read by a program
}

// A Figure is a picture and what is said of it. Make one with Draw.
type Figure struct {
	Caption string
	SVG     template.HTML
}

// Draw makes a figure of a picture that package gonum.org/v1/plot has drawn as SVG: that escapes the text in it. White becomes the
// page's own ground, and black and dark grey the colour of its text and a grey that stands out from either ground.
func Draw(caption string, svg []byte) (Figure, error) {
	at := bytes.Index(svg, []byte("<svg"))
	if at < 0 {
		return Figure{}, errors.New("page: no picture came of " + caption)
	}
	picture := strings.NewReplacer(
		"fill:#FFFFFF", "fill:none", "#000000", "currentColor", "#5A5A5A", "var(--grey)", "#808080", "var(--faint)",
		// Faces as wide as the one that the picture was laid out in; the page leaves room for others.
		"font-family:Liberation Serif", "font-family:'Liberation Serif','Times New Roman',Times,serif;fill:currentColor",
	).Replace(string(svg[at:]))
	label := template.HTMLEscapeString(caption)
	return Figure{caption, template.HTML(`<svg role="img" aria-label="` + label + `"` + picture[len("<svg"):])}, nil
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error { return pages.Execute(w, p) }
