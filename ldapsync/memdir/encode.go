package memdir

// The encoder of answers: bytes, so that faults may be put on any of them.

func tlv(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := []byte{tag}
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func octets(s string) []byte { return tlv(0x04, []byte(s)) }

func integer(tag byte, n int) []byte {
	b := []byte{byte(n)}
	for n >>= 8; n > 0; n >>= 8 {
		b = append([]byte{byte(n)}, b...)
	}
	if b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return tlv(tag, b)
}

func boolean(b bool) []byte {
	if b {
		return tlv(0x01, []byte{0xff})
	}
	return tlv(0x01, []byte{0})
}

func message(id int, op []byte, controls ...[]byte) []byte {
	if len(controls) == 0 {
		return tlv(0x30, integer(0x02, id), op)
	}
	return tlv(0x30, integer(0x02, id), op, tlv(0xa0, controls...))
}

func control(oid string, value []byte) []byte {
	return tlv(0x30, octets(oid), tlv(0x04, value))
}

func result(tag byte, code int, text string) []byte {
	return tlv(tag, integer(0x0a, code), octets(""), octets(text))
}

// Attribute is one attribute of an answer.
type Attribute struct {
	Name   string
	Values []string
}

func entryOp(dn string, attrs []Attribute) []byte {
	var list [][]byte
	for _, a := range attrs {
		var values [][]byte
		for _, v := range a.Values {
			values = append(values, octets(v))
		}
		list = append(list, tlv(0x30, octets(a.Name), tlv(0x31, values...)))
	}
	return tlv(0x64, octets(dn), tlv(0x30, list...))
}
