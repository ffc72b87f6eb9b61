package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A page must stay one that a browser opens at once, and a person reads.
const (
	maxRows = 40  // of a chart
	maxBars = 300 // of a chart, in all rows
)

// chart lays the pieces out.
func (s *stage) chart(start time.Time) Chart {
	c := Chart{
		Name: s.name, At: s.start.Sub(start), Length: max(s.end.Sub(s.start), time.Microsecond),
		Failed: s.failed, Still: s.still, Words: s.words,
	}
	for _, t := range s.tree() {
		c.Rows = append(c.Rows, t.row(start))
		for _, child := range t.children {
			row := child.row(start)
			row.Within = true
			c.Rows = append(c.Rows, row)
		}
	}
	c.thin()
	return c
}

// A node is a row to be, with the rows that are part of it.
type node struct {
	kind     Kind
	name     string
	pieces   []*piece
	children []*node
}

func (n *node) row(start time.Time) Row {
	row := Row{Kind: n.kind, Name: n.name, Count: len(n.pieces)}
	for _, p := range n.pieces {
		row.Took += p.took
		row.Bars = append(row.Bars, Bar{p.start.Sub(start), p.end.Sub(p.start), p.took})
	}
	return row
}

// tree puts pieces of one kind and name together, calls under the prefetch or
// refresh that makes them, and reads, with other calls, under the code that reads.
func (s *stage) tree() []*node {
	slices.SortStableFunc(s.pieces, func(x, y *piece) int {
		if c := x.start.Compare(y.start); c != 0 {
			return c
		}
		return cmp.Compare(x.kind.index(), y.kind.index())
	})
	var tops grouping
	var parts []*piece
	for _, p := range s.pieces {
		if p.kind.about().weight == 0 {
			tops.join(nil, p)
		} else {
			parts = append(parts, p)
		}
	}
	whole := slices.Clone(tops.nodes)
	for _, p := range parts {
		var parent *node
		if p.kind == Call {
			parent = around(whole, p, Prefetch, Refresh)
		}
		if parent == nil {
			parent = around(whole, p, Handler, Runtime)
		}
		tops.join(parent, p)
	}
	slices.SortStableFunc(tops.nodes, func(x, y *node) int { return x.pieces[0].start.Compare(y.pieces[0].start) })
	return tops.nodes
}

// A grouping finds the row of a piece. The zero grouping has none.
type grouping struct {
	nodes []*node // that are in none other
	known map[group]*node
}

type group struct {
	parent *node
	kind   Kind
	name   string
}

// join puts a piece into its row beneath parent, or into one that is in none.
func (g *grouping) join(parent *node, p *piece) {
	key := group{parent, p.kind, p.name}
	n := g.known[key]
	if n == nil {
		n = &node{kind: p.kind, name: p.name}
		if g.known == nil {
			g.known = map[group]*node{}
		}
		g.known[key] = n
		if parent == nil {
			g.nodes = append(g.nodes, n)
		} else {
			parent.children = append(parent.children, n)
		}
	}
	n.pieces = append(n.pieces, p)
}

// around returns the row of one of the kinds that was going on when p began.
func around(nodes []*node, p *piece, kinds ...Kind) *node {
	for _, n := range nodes {
		for _, q := range n.pieces {
			if slices.Contains(kinds, n.kind) && !p.start.Before(q.start) && !p.start.After(q.end) {
				return n
			}
		}
	}
	return nil
}

// thin leaves out what is too much, the least telling first, and says so.
func (c *Chart) thin() {
	byWeight := make([]int, len(c.Rows))
	for i := range byWeight {
		byWeight[i] = i
	}
	slices.SortStableFunc(byWeight, func(x, y int) int {
		return cmp.Compare(c.Rows[x].Kind.about().weight, c.Rows[y].Kind.about().weight)
	})
	drop := byWeight[min(maxRows, len(byWeight)):]
	slices.Sort(drop)
	left := map[Kind]Row{}
	for _, i := range slices.Backward(drop) {
		r := c.Rows[i]
		sum := left[r.Kind]
		left[r.Kind] = Row{Count: sum.Count + r.Count, Took: sum.Took + r.Took}
		c.Rows = slices.Delete(c.Rows, i, i+1)
	}
	for _, k := range kinds() {
		if r := left[k.kind]; r.Count > 0 {
			c.Words = append(c.Words, fmt.Sprintf("Not drawn: %d more × %s, %s in all.", r.Count, k.word, short(r.Took)))
		}
	}
	for i := range c.Rows {
		c.Rows[i].Bars = some(c.Rows[i].Bars, max(1, maxBars/len(c.Rows)))
	}
}

// some returns at most n of the bars, evenly spread.
func some(bars []Bar, n int) []Bar {
	if len(bars) <= n {
		return bars
	}
	var kept []Bar
	for i := range n {
		kept = append(kept, bars[i*len(bars)/n])
	}
	return kept
}
