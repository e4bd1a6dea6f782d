package access

// hotRule is what a check reads of a rule, in one word that stands in the edges
// beside the subject: its kind, what else must be looked at, and its sets.
//
//	through:24 | role:24 | bits:8 | channel:4 | kind:4
type hotRule uint64

// ruleBits say what else must be looked at.
type ruleBits uint8

const (
	ruleExcepts ruleBits = 1 << iota // everywhere but for some sites
	ruleCohort                       // the subject is a cohort
	ruleFor                          // ends some time after joining
	ruleTimed                        // has a beginning or an end

	needsLook = ruleExcepts | ruleCohort
)

// maxSets is how many distinct sets of actions rules may be about.
const maxSets = 1 << 24

func makeHot(k Kind, ch Channel, bits ruleBits, role, through uint32) hotRule {
	return hotRule(through)<<40 | hotRule(role)<<16 | hotRule(bits)<<8 | hotRule(ch)<<4 | hotRule(k)
}

func (h hotRule) kind() Kind       { return Kind(h & 15) }
func (h hotRule) channel() Channel { return Channel(h >> 4 & 15) }
func (h hotRule) bits() ruleBits   { return ruleBits(h >> 8) }

// role is the set that the rule names; through what a grant of it contributes
// through a token.
func (h hotRule) role() uint32    { return uint32(h>>16) & (maxSets - 1) }
func (h hotRule) through() uint32 { return uint32(h >> 40) }

// contribution is the set that a grant adds through a channel.
func (h hotRule) contribution(c Channel) uint32 {
	if c == TokenChannel {
		return h.through()
	}
	return h.role()
}

// binds reports whether a cap restricts a channel. The public is on neither
// tokens' nor sessions', and bound by caps on any.
func (h hotRule) binds(c Channel) bool { return h.channel() == AnyChannel || h.channel() == c }
