package ldapsync

import (
	"errors"
	"fmt"
)

// The tags that the fast path looks at (RFC 4511).
const (
	tagSequence     = 0x30
	tagSet          = 0x31
	tagInteger      = 0x02
	tagOctets       = 0x04
	tagBoolean      = 0x01
	tagEnumerated   = 0x0a
	tagControls     = 0xa0
	tagEntry        = 0x64 // SearchResultEntry
	tagReference    = 0x73 // SearchResultReference
	tagIntermediate = 0x79 // IntermediateResponse
)

var errBER = errors.New("malformed BER")

// berHeader reads a one-byte tag and a definite length, the only forms that
// LDAP has (RFC 4511 5.1). n is 0 when b is too short to say.
func berHeader(b []byte) (tag byte, length, n int, err error) {
	if len(b) < 2 {
		return 0, 0, 0, nil
	}
	tag = b[0]
	if tag&0x1f == 0x1f {
		return 0, 0, 0, fmt.Errorf("%w: a tag of several bytes", errBER)
	}
	if b[1] < 0x80 {
		return tag, int(b[1]), 2, nil
	}
	more := int(b[1] & 0x7f)
	if more == 0 || more > 4 {
		return 0, 0, 0, fmt.Errorf("%w: a length of %d bytes", errBER, more)
	}
	if len(b) < 2+more {
		return 0, 0, 0, nil
	}
	for _, c := range b[2 : 2+more] {
		length = length<<8 | int(c)
	}
	return tag, length, 2 + more, nil
}

// berNext cuts the first element off b.
func berNext(b []byte) (tag byte, content, rest []byte, err error) {
	tag, length, n, err := berHeader(b)
	switch {
	case err != nil:
		return 0, nil, nil, err
	case n == 0 || length > len(b)-n:
		return 0, nil, nil, fmt.Errorf("%w: cut short", errBER)
	}
	return tag, b[n : n+length], b[n+length:], nil
}

// berWant cuts the first element off b, which must have the tag.
func berWant(b []byte, want byte) (content, rest []byte, err error) {
	tag, content, rest, err := berNext(b)
	if err == nil && tag != want {
		err = fmt.Errorf("%w: tag %#02x, want %#02x", errBER, tag, want)
	}
	return content, rest, err
}

// berInt is the value of a small non-negative INTEGER or ENUMERATED.
func berInt(b []byte) (int, error) {
	if len(b) == 0 || len(b) > 4 || b[0] >= 0x80 {
		return 0, fmt.Errorf("%w: an integer of %d bytes", errBER, len(b))
	}
	v := 0
	for _, c := range b {
		v = v<<8 | int(c)
	}
	return v, nil
}

// entry is one SearchResultEntry as it lies in the buffer: it is of use only
// while the function that got it runs. Attribute i has the values
// values[attrs[i].first:attrs[i].last].
type entry struct {
	dn       []byte
	attrs    []attribute
	values   [][]byte
	controls []byte // the content of the controls element, or nil
}

type attribute struct {
	name        []byte
	first, last int
}

// of are the values of an attribute.
func (e *entry) of(a attribute) [][]byte { return e.values[a.first:a.last] }

// parse reads what follows the message id, of a message that began with the
// tag of a SearchResultEntry.
func (e *entry) parse(b []byte) error {
	e.attrs, e.values, e.controls = e.attrs[:0], e.values[:0], nil
	body, rest, err := berWant(b, tagEntry)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		if e.controls, rest, err = berWant(rest, tagControls); err == nil {
			err = wholeControls(e.controls)
		}
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return fmt.Errorf("%w: something after the controls", errBER)
		}
	}
	if e.dn, body, err = berWant(body, tagOctets); err != nil {
		return err
	}
	list, body, err := berWant(body, tagSequence)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		return fmt.Errorf("%w: something after the attributes", errBER)
	}
	for len(list) > 0 {
		var one []byte
		if one, list, err = berWant(list, tagSequence); err != nil {
			return err
		}
		if err := e.attribute(one); err != nil {
			return err
		}
	}
	return nil
}

func (e *entry) attribute(b []byte) error {
	name, b, err := berWant(b, tagOctets)
	if err != nil {
		return err
	}
	set, b, err := berWant(b, tagSet)
	if err != nil {
		return err
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: something after an attribute's values", errBER)
	}
	first := len(e.values)
	for len(set) > 0 {
		var value []byte
		if value, set, err = berWant(set, tagOctets); err != nil {
			return err
		}
		e.values = append(e.values, value)
	}
	e.attrs = append(e.attrs, attribute{name, first, len(e.values)})
	return nil
}

// wholeControls says what is wrong with a list of controls (RFC 4511 4.1.11),
// each of which must end within it.
func wholeControls(list []byte) error {
	for len(list) > 0 {
		one, rest, err := berWant(list, tagSequence)
		for err == nil && len(one) > 0 {
			var tag byte
			if tag, _, one, err = berNext(one); err == nil && tag&0x20 != 0 {
				err = fmt.Errorf("%w: a control with %#02x in it", errBER, tag)
			}
		}
		if err != nil {
			return err
		}
		list = rest
	}
	return nil
}
