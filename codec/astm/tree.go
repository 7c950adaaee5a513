// Which record belongs to which (LIS2-A2 5.2): the header, patients, their orders, the results of these; comments, manufacturer's and
// scientific records belong to what stands before them.

package astm

// Node is a record with those that belong to it.
type Node struct {
	Record   Record
	Implied  bool // the sender left it out: a result without order, an order without patient
	Children []*Node
}

// levels of the records that others belong to.
var levels = map[string]int{"H": 0, "P": 1, "Q": 1, "O": 2, "R": 3}

// parents are the types that a level hangs on.
var parents = [...]string{1: "H", 2: "P", 3: "O"}

// Tree arranges the records. Records whose parent was left out get an implied one, and a warning of the message.
func (m *Message) Tree() *Node {
	root := &Node{Record: m.Header()}
	path := []*Node{root} // the last of each level
	if len(m.Records) == 0 {
		return root
	}
	for _, r := range m.Records[1:] {
		level, ok := levels[r.Type]
		switch {
		case r.Type == "L":
			root.Children = append(root.Children, &Node{Record: r})
			path = path[:1]
		case !ok || level == 0:
			last := path[len(path)-1]
			last.Children = append(last.Children, &Node{Record: r})
		default:
			path = m.place(path, level, r)
		}
	}
	return root
}

func (m *Message) place(path []*Node, level int, r Record) []*Node {
	for len(path) < level {
		missing := parents[len(path)+1]
		m.warn("missing-record", r.Number, "no "+missing+" record before it")
		path = hang(path, &Node{Record: Record{Type: missing, Number: r.Number, d: &m.Delimiters}, Implied: true})
	}
	path = path[:level]
	if last := path[level-1].Record.Type; last != parents[level] { // an order after a query: the query has no orders
		m.warn("missing-record", r.Number, "no "+parents[level]+" record before it")
		path = hang(path[:level-1], &Node{Record: Record{Type: parents[level], Number: r.Number, d: &m.Delimiters}, Implied: true})
	}
	return hang(path, &Node{Record: r})
}

func hang(path []*Node, n *Node) []*Node {
	last := path[len(path)-1]
	last.Children = append(last.Children, n)
	return append(path, n)
}
