package formula

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed1498fded/unroll/internal/brief"
)

// How strongly operators bind, from sums to what stands alone.
const (
	bindSum = iota + 1
	bindProduct
	bindSign
	bindAlone
)

func (k Kind) binds() int {
	switch k {
	case Add, Sub:
		return bindSum
	case Mul, Div:
		return bindProduct
	case Neg:
		return bindSign
	}
	return bindAlone
}

// String writes a formula, with no more brackets than it needs. Parse reads the same tree back.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	switch {
	case n.Kind == Const:
		b.WriteString(strconv.FormatFloat(float64(n.Value), 'g', -1, 32))
	case n.Kind.Arity() == 0:
		b.WriteString(names[n.Kind])
	case n.Kind == Neg:
		b.WriteByte('-')
		n.Args[0].writeIn(b, n.Args[0].Kind == Const || n.Args[0].Kind.binds() < bindSign)
	case n.Kind.Arity() == 1:
		b.WriteString(names[n.Kind])
		n.Args[0].writeIn(b, true)
	default:
		n.Args[0].writeIn(b, n.Args[0].Kind.binds() < n.Kind.binds())
		if n.Kind.binds() == bindSum {
			b.WriteString(" " + operators[n.Kind] + " ")
		} else {
			b.WriteString(operators[n.Kind])
		}
		n.Args[1].writeIn(b, n.Args[1].Kind.binds() <= n.Kind.binds())
	}
}

// writeIn writes a formula in brackets, or without.
func (n *Node) writeIn(b *strings.Builder, brackets bool) {
	if brackets {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	n.write(b)
}

// MaxText is the length of the longest text that Parse reads, in bytes.
const MaxText = 4096

// Parse reads a formula of numbers, the variables, + - * / with the usual precedence, tanh(x) and abs(x). Numbers are rounded to
// float32. The error tells the place, counted in bytes from 1.
func Parse(text string) (*Node, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("a formula of %d bytes; want at most %d", len(text), MaxText)
	}
	p := parser{text: text}
	n := p.sum()
	if p.err == nil && p.peek() != 0 {
		p.fail("an operator or the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return n, nil
}

// A parser reads from at on. After an error it reads nothing.
type parser struct {
	text string
	at   int
	err  error
}

// peek skips spaces and returns the next byte, 0 at the end and after an error.
func (p *parser) peek() byte {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t' || p.text[p.at] == '\n' || p.text[p.at] == '\r') {
		p.at++
	}
	if p.at == len(p.text) || p.err != nil {
		return 0
	}
	return p.text[p.at]
}

// fail notes the first error; it returns a node for those who go on.
func (p *parser) fail(want string) *Node {
	if p.err == nil {
		found := "the end"
		if p.at < len(p.text) {
			found = brief.Quote(p.text[p.at:min(len(p.text), p.at+20)])
		}
		p.err = fmt.Errorf("place %d of the formula: found %s; want %s", p.at+1, found, want)
	}
	return Number(0)
}

func (p *parser) sum() *Node     { return p.chain(p.product, map[byte]Kind{'+': Add, '-': Sub}) }
func (p *parser) product() *Node { return p.chain(p.signed, map[byte]Kind{'*': Mul, '/': Div}) }

// chain reads operands between operators of one strength, from left to right.
func (p *parser) chain(operand func() *Node, kinds map[byte]Kind) *Node {
	n := operand()
	for {
		k, ok := kinds[p.peek()]
		if !ok {
			return n
		}
		p.at++
		n = New(k, n, operand())
	}
}

func (p *parser) signed() *Node {
	if p.peek() != '-' {
		return p.alone()
	}
	p.at++
	if p.at < len(p.text) && startsNumber(p.text[p.at]) {
		p.at--
		return p.number()
	}
	return New(Neg, p.signed())
}

func (p *parser) alone() *Node {
	switch c := p.peek(); {
	case c == '(':
		return p.bracket()
	case startsNumber(c):
		return p.number()
	case isLetter(c):
		return p.word()
	}
	return p.fail("a number, a variable, a function or a bracket")
}

// bracket reads (x).
func (p *parser) bracket() *Node {
	if p.peek() != '(' {
		return p.fail(`"("`)
	}
	p.at++
	n := p.sum()
	if p.peek() != ')' {
		return p.fail(`")" or an operator`)
	}
	p.at++
	return n
}

// word reads a variable or a function.
func (p *parser) word() *Node {
	from := p.at
	for p.at < len(p.text) && isLetter(p.text[p.at]) {
		p.at++
	}
	name := p.text[from:p.at]
	for k, have := range names {
		if have != name {
			continue
		}
		if k.Variable() {
			return New(k)
		}
		return New(k, p.bracket())
	}
	p.at = from
	return p.fail("one of " + words())
}

// words lists what a word may be.
func words() string {
	var list []string
	for _, k := range append(Variables(), Tanh, Abs) {
		list = append(list, names[k])
	}
	return strings.Join(list, ", ")
}

// number reads a number with its sign.
func (p *parser) number() *Node {
	from := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	for p.at < len(p.text) && startsNumber(p.text[p.at]) {
		p.at++
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
			p.at++
		}
	}
	v, err := strconv.ParseFloat(p.text[from:p.at], 32)
	if err != nil {
		p.at = from
		return p.fail("a number that a float32 can hold")
	}
	return Number(float32(v))
}

func startsNumber(c byte) bool { return c >= '0' && c <= '9' || c == '.' }
func isLetter(c byte) bool     { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
