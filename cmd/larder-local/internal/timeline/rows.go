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
func (s *stage) chart(start time.Time) chart {
	c := chart{
		Name: s.name, At: s.start.Sub(start), Length: max(s.end.Sub(s.start), time.Microsecond),
		Failed: s.failed, Still: s.still, Words: s.words,
	}
	for _, t := range s.tree() {
		c.rows = append(c.rows, t.row(start))
		for _, child := range t.children {
			r := child.row(start)
			r.within = true
			c.rows = append(c.rows, r)
		}
	}
	c.thin()
	return c
}

// A node is a row to be, with the rows that are part of it.
type node struct {
	kind     kind
	name     string
	pieces   []*piece
	children []*node
}

func (n *node) row(start time.Time) row {
	r := row{kind: n.kind, name: n.name, count: len(n.pieces)}
	for _, p := range n.pieces {
		r.took += p.took
		r.bars = append(r.bars, bar{p.start.Sub(start), p.end.Sub(p.start), p.took})
	}
	return r
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
		if p.kind == kindCall {
			parent = around(whole, p, kindPrefetch, kindRefresh)
		}
		if parent == nil {
			parent = around(whole, p, kindHandler, kindRuntime)
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
	kind   kind
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
func around(nodes []*node, p *piece, kinds ...kind) *node {
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
func (c *chart) thin() {
	order := make([]int, len(c.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Compare(c.rows[x].kind.about().weight, c.rows[y].kind.about().weight)
	})
	kept := min(maxRows, len(order))
	left := map[kind]row{}
	for _, i := range order[kept:] {
		r := c.rows[i]
		sum := left[r.kind]
		left[r.kind] = row{count: sum.count + r.count, took: sum.took + r.took}
	}
	var rows []row
	for _, i := range slices.Sorted(slices.Values(order[:kept])) {
		rows = append(rows, c.rows[i])
	}
	c.rows = rows
	for _, k := range kinds() {
		if r := left[k.kind]; r.count > 0 {
			c.Words = append(c.Words, fmt.Sprintf("Not drawn: %d more × %s, %s in all.", r.count, k.word, short(r.took)))
		}
	}
	for i := range c.rows {
		c.rows[i].bars = some(c.rows[i].bars, max(1, maxBars/len(c.rows)))
	}
}

// some returns at most n of the bars, evenly spread.
func some(bars []bar, n int) []bar {
	if len(bars) <= n {
		return bars
	}
	var kept []bar
	for i := range n {
		kept = append(kept, bars[i*len(bars)/n])
	}
	return kept
}
