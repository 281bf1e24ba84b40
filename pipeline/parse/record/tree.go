package record

import "slices"

// Tree is a set of paths, each with a slot for the value found there. It is
// safe for concurrent use; a Walker is not.
type Tree struct {
	root  *node
	nodes int
	slots []int
}

type node struct {
	id    int
	slots []int
	keys  []keyEdge
	index []indexEdge
}

type keyEdge struct {
	key  string
	node *node
}

type indexEdge struct {
	index int
	node  *node
}

// NewTree returns an empty set.
func NewTree() *Tree {
	t := &Tree{}
	t.root = t.newNode()
	return t
}

func (t *Tree) newNode() *node {
	n := &node{id: t.nodes}
	t.nodes++
	return n
}

// Add puts the value at p into the slot. Paths with Any or Name are not for
// trees.
func (t *Tree) Add(p Path, slot int) {
	n := t.root
	for _, s := range p {
		n = t.child(n, s)
	}
	n.slots = append(n.slots, slot)
	t.slots = append(t.slots, slot)
}

func (t *Tree) child(n *node, s Segment) *node {
	if s.Kind == Index {
		for _, e := range n.index {
			if e.index == s.Index {
				return e.node
			}
		}
		c := t.newNode()
		n.index = append(n.index, indexEdge{s.Index, c})
		return c
	}
	if c := n.key(s.Key); c != nil {
		return c
	}
	c := t.newNode()
	n.keys = append(n.keys, keyEdge{s.Key, c})
	return c
}

func (n *node) key(k string) *node {
	for i := range n.keys {
		if n.keys[i].key == k {
			return n.keys[i].node
		}
	}
	return nil
}

func (n *node) at(i int) *node {
	if n == nil {
		return nil
	}
	for _, e := range n.index {
		if e.index == i {
			return e.node
		}
	}
	return nil
}

// leaf reports that nothing below the value is asked for.
func (n *node) leaf() bool { return n == nil || len(n.keys) == 0 && len(n.index) == 0 }

// Has reports whether a path of the tree has the slot.
func (t *Tree) Has(slot int) bool { return slices.Contains(t.slots, slot) }

// Clear makes the values of all slots of the tree absent.
func (t *Tree) Clear(out []Value) {
	for _, s := range t.slots {
		out[s] = Value{}
	}
}
