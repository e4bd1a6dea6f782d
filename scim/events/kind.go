package events

import (
	"slices"
	"strings"
)

// Kind is one kind of event: its URI of RFC 9967 without the common beginning.
type Kind string

// The kinds that are told. There is no prov:put: the audit keeps what a change
// changed and not by which request, so that every change is told as a patch. Nor
// is there misc:asyncresp, because nothing is answered asynchronously.
const (
	FeedAdd      Kind = "feed:add"
	FeedRemove   Kind = "feed:remove"
	CreateNotice Kind = "prov:create:notice"
	CreateFull   Kind = "prov:create:full"
	PatchNotice  Kind = "prov:patch:notice"
	PatchFull    Kind = "prov:patch:full"
	Delete       Kind = "prov:delete"
	Activate     Kind = "prov:activate"
	Deactivate   Kind = "prov:deactivate"
)

const uriPrefix = "urn:ietf:params:scim:event:"

// URI is the kind as the standard writes it.
func (k Kind) URI() string { return uriPrefix + string(k) }

// Kinds are all kinds.
func Kinds() []Kind {
	return []Kind{FeedAdd, FeedRemove, CreateNotice, CreateFull, PatchNotice, PatchFull, Delete, Activate, Deactivate}
}

// DefaultKinds are those of a stream that names none: everything, without values.
func DefaultKinds() []Kind {
	return []Kind{FeedAdd, FeedRemove, CreateNotice, PatchNotice, Delete, Activate, Deactivate}
}

// ParseKind reads a kind, with or without the URI's beginning.
func ParseKind(text string) (Kind, bool) {
	k := Kind(strings.TrimPrefix(text, uriPrefix))
	return k, slices.Contains(Kinds(), k)
}

// notice is what tells of the same without values; a full event falls back to it
// when the audit does not hold all the values.
var notice = map[Kind]Kind{CreateFull: CreateNotice, PatchFull: PatchNotice}

// URIs are the URIs of kinds that a stream which asks for these may be sent, for
// the discovery documents.
func URIs(kinds []Kind) []string {
	var out []string
	for _, k := range Kinds() {
		if slices.Contains(kinds, k) || slices.ContainsFunc(kinds, func(f Kind) bool { return notice[f] == k }) {
			out = append(out, k.URI())
		}
	}
	return out
}
