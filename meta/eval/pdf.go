package eval

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgpdf" // a format that draw's canvases do not know of by themselves
)

// A pdfCanvas gives gonum's PDF canvas translucent colours as it takes them: red, green and blue not multiplied by the opacity, against
// the contract of color.Color. As they are it would draw a faint band nearly black.
type pdfCanvas struct{ vg.CanvasWriterTo }

// SetColor implements vg.Canvas, in which nil is black.
func (c pdfCanvas) SetColor(x color.Color) {
	if x == nil {
		x = color.Black
	}
	n := color.NRGBAModel.Convert(x).(color.NRGBA)
	c.CanvasWriterTo.SetColor(straight(n))
}

// straight is a colour that is not multiplied by its opacity.
type straight color.NRGBA

func (s straight) RGBA() (r, g, b, a uint32) {
	const wide = 0x101 // from 8 bits to 16
	return uint32(s.R) * wide, uint32(s.G) * wide, uint32(s.B) * wide, uint32(s.A) * wide
}
