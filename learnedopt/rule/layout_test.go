package rule

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/params"
)

// two is a net of two tensors, of six weights and of three.
var two = params.Layout{{Name: "w", Shape: []int{2, 3}}, {Name: "b", Shape: []int{3}}}

// owned is a state of all three kinds.
func owned() State {
	return State{
		PerCoordinate: []Row{{Name: "m"}, {Name: "h", Width: 1}, {Name: "c", Width: 4}},
		PerTensor: func(tensor params.Spec) params.Layout {
			return params.Layout{{Name: "r", Shape: tensor.Shape[:1]}, {Name: "n", Shape: []int{1}}}
		},
		Shared: params.Layout{{Name: "s", Shape: []int{5}}, {Name: "k", Shape: []int{2}}},
	}
}

// at returns where a name lies in a flat layout.
func at(t *testing.T, l params.Layout, name string) int {
	t.Helper()
	from := 0
	for _, s := range l {
		if s.Name == name {
			return from
		}
		from += s.Len()
	}
	require.Failf(t, "no such tensor", "%q in %v", name, l)
	return -1
}

// Each number of state is there once for each of its owners, and is found where the layout says.
func TestStateLayout(t *testing.T) {
	for _, scope := range []Scope{Tensor, Whole} {
		for _, copies := range []int{1, 2, 3} {
			t.Run(fmt.Sprint(scope, copies), func(t *testing.T) {
				b := Binding{Theta: two, Copies: copies}
				require.Equal(t, 9, b.Run())
				require.Equal(t, 9*copies, b.Coordinates())
				l, err := Spec{Scope: scope, State: owned()}.Layout(b)
				require.NoError(t, err)
				shared := 1
				if scope == Whole {
					shared = copies
				}
				require.Equal(t, 9*copies*(1+1+4)+copies*(2+1+3+1)+shared*(5+2), l.Flat.Len())

				require.Equal(t, []int{at(t, l.Flat, "m"), at(t, l.Flat, "h"), at(t, l.Flat, "c")}, l.Rows)
				require.Equal(t, []int{9 * copies}, l.Flat[0].Shape, "a number")
				require.Equal(t, []int{9 * copies, 1}, l.Flat[1].Shape, "a vector, though of one number")
				require.Equal(t, []int{9 * copies, 4}, l.Flat[2].Shape)
				require.Len(t, l.Tensor, copies)
				require.Len(t, l.Shared, copies)
				for i := range copies {
					run := ""
					if copies > 1 {
						run = fmt.Sprintf("%d/", i)
					}
					require.Equal(t, []int{at(t, l.Flat, run+"w.r"), at(t, l.Flat, run+"b.r")}, l.Tensor[i])
					require.Equal(t, l.Tensor[i][0]+2, at(t, l.Flat, run+"w.n"), "after the vector of a number a row")
					require.Equal(t, l.Tensor[i][1]+3, at(t, l.Flat, run+"b.n"))
					if scope != Whole {
						run = ""
					}
					require.Equal(t, at(t, l.Flat, run+"s"), l.Shared[i])
					require.Equal(t, l.Shared[i]+5, at(t, l.Flat, run+"k"))
				}
			})
		}
	}
}

// Without state a tensor there are no places for it, and without any state nothing.
func TestStateLayoutOfLess(t *testing.T) {
	b := Binding{Theta: two, Copies: 2}
	l, err := Spec{State: State{PerCoordinate: []Row{{Name: "m"}}, Shared: params.Layout{{Name: "s", Shape: []int{1}}}}}.Layout(b)
	require.NoError(t, err)
	require.Nil(t, l.Tensor)
	require.Equal(t, []int{18, 18}, l.Shared)
	require.Equal(t, 19, l.Flat.Len())
	l, err = Spec{Scope: Whole}.Layout(b)
	require.NoError(t, err)
	require.Zero(t, l.Flat.Len())
	require.Empty(t, l.Rows)
	require.Equal(t, []int{0, 0}, l.Shared)
}

// A state that can't be laid out is reported by what is wrong with it.
func TestStateLayoutRefuses(t *testing.T) {
	shaped := func(name string, shape ...int) params.Layout { return params.Layout{{Name: name, Shape: shape}} }
	each := func(l params.Layout) func(params.Spec) params.Layout {
		return func(params.Spec) params.Layout { return l }
	}
	rows := func(list ...Row) Spec { return Spec{State: State{PerCoordinate: list}} }
	one := Binding{Theta: two, Copies: 1}
	many := Binding{Theta: two, Copies: params.MaxLen/9 + 1}
	for _, c := range []struct {
		want string
		of   Spec
		on   Binding
	}{
		{"a rule of scope coordinates has state a tensor, but sees no tensors", Spec{State: State{PerTensor: each(nil)}}, one},
		{fmt.Sprintf("%d copies of 9 weights; want at most %d weights in all", many.Copies, params.MaxLen), Spec{}, many},
		{`a state "" of width 3 a coordinate; want a name and a width of 0 or more`, rows(Row{Width: 3}), one},
		{`a state "m" of width -1 a coordinate; want a name and a width of 0 or more`, rows(Row{Name: "m", Width: -1}), one},
		{`tensor "w.r" has shape [0]; want`, Spec{Scope: Tensor, State: State{PerTensor: each(shaped("r", 0))}}, one},
		{`tensor "s" has shape [2 0]; want`, Spec{State: State{Shared: shaped("s", 2, 0)}}, one},
		{`tensor "s" has shape []; want`, Spec{State: State{Shared: shaped("s")}}, one},
		{`"m" is named twice`, rows(Row{Name: "m"}, Row{Name: "m"}), one},
		{`"m" is named twice`, Spec{State: State{PerCoordinate: []Row{{Name: "m"}}, Shared: shaped("m", 1)}}, one},
		{`"w.r" is named twice`, Spec{Scope: Tensor, State: State{PerTensor: each(append(shaped("r", 1), shaped("r", 2)...))}}, one},
		{`more than`, rows(Row{Name: "m", Width: params.MaxLen}), one},
		{`more than`, Spec{State: State{Shared: append(shaped("s", params.MaxLen), shaped("k", 1)...)}}, one},
	} {
		_, err := c.of.Layout(c.on)
		require.ErrorContains(t, err, c.want, "%v", c.of)
	}

	// As many copies as there is room for are no reason.
	_, err := Spec{}.Layout(Binding{Theta: params.Layout{{Name: "w", Shape: []int{params.MaxLen}}}, Copies: 1})
	require.NoError(t, err)
	_, err = Spec{}.Layout(Binding{Theta: params.Layout{{Name: "w", Shape: []int{params.MaxLen}}}, Copies: 2})
	require.ErrorContains(t, err, "2 copies of ")
}

// Every scope has a name, and so has what is none.
func TestScopeNames(t *testing.T) {
	for s, want := range map[Scope]string{Coordinates: "coordinates", Tensor: "tensor", Whole: "whole", Whole + 1: "unknown scope"} {
		require.Equal(t, want, s.String())
	}
}
