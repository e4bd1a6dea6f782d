package mapping

// Format is the mapping in canonical layout, comments kept. Parse of it gives
// an equal Set.
func (s *Set) Format() []byte { panic("todo") }
