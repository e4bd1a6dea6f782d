package directory

// Op is the operator of a Filter (RFC 7644 3.4.2.2).
type Op uint8

// The operators. The zero value matches nothing.
const (
	OpNone Op = iota
	OpAnd
	OpOr
	OpNot
	OpEq
	OpNe
	OpCo
	OpSw
	OpEw
	OpGt
	OpGe
	OpLt
	OpLe
	OpPr
	// OpElem is a value path: one and the same element of the multi-valued
	// attribute Path satisfies Args[0], whose paths are whole
	// ("emails.type"), not relative.
	OpElem
)

// Filter is a question about accounts or groups: a tree whose leaves compare a
// Value's Text with Text. The paths id, externalid, meta.created,
// meta.lastmodified, members.value (of groups) and groups.value (of accounts)
// are answered though they are no Values.
type Filter struct {
	Op   Op
	Path string
	Text string // folded as the attribute's Value.Text is
	Args []Filter
}

// Query asks for a page of accounts or groups in a stable order.
type Query struct {
	Filter *Filter // nil is everything
	// SortPath orders by a Value's Text instead of creation; resources without
	// it come last, and first in descending order (RFC 7644 3.4.2.3).
	SortPath   string
	Descending bool
	// Start is the index of the first result, from 1 (RFC 7644 3.4.2.4).
	Start int
	Count int
	// After continues behind the resource with this id, instead of Start. With
	// SortPath the resource must still be there.
	After int64
	// Left counts, instead of all results, those behind After.
	Left bool
	// NoTotal says that the caller does not need the number of all results.
	NoTotal bool
}
