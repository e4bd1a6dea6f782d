package kerberos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// clientTicket is a ticket with what only its client knows.
type clientTicket struct {
	messages.Ticket
	key   types.EncryptionKey
	who   types.PrincipalName
	realm string
}

// Context is one authentication to the service of a ticket. It is go-ldap's
// GSSAPIClient; its methods are called in the order in which they stand here.
type Context struct {
	t       *Ticket
	binding []byte
	asked   types.Authenticator
	key     types.EncryptionKey // of the acceptor, or of the ticket
	flags   byte
	state   state
}

type state uint8

const (
	fresh    state = iota
	asked          // the ticket is sent
	answered       // the server has proved that it could read it
	complete
)

// The errors of a server that does not keep to the protocol.
var (
	ErrOrder   = errors.New("the server's answer is out of order")
	ErrForged  = errors.New("the server did not prove that it is the service of the ticket")
	ErrSealing = errors.New("the server demands a security layer, and offers none that is empty")
)

// Context begins an authentication. The binding is of the TLS connection that
// carries it (ServerEndPoint); empty without one.
func (t *Ticket) Context(binding []byte) *Context {
	return &Context{t: t, binding: binding, key: t.ticket.key}
}

// Complete reports whether both sides have proved who they are.
func (c *Context) Complete() bool { return c.state == complete }

// InitSecContext answers a token of the server; the first is nil.
func (c *Context) InitSecContext(service string, token []byte) ([]byte, bool, error) {
	return c.InitSecContextWithOptions(service, token, nil)
}

// InitSecContextWithOptions is InitSecContext; the service is the ticket's, and
// there are no options.
func (c *Context) InitSecContextWithOptions(_ string, token []byte, _ []int) (out []byte, more bool, err error) {
	switch {
	case c.state == fresh && len(token) == 0:
		out, err = c.ask()
		return out, true, err
	case c.state == asked && len(token) > 0:
		return []byte{}, false, c.answer(token)
	}
	return nil, false, ErrOrder
}

// krb5 is the DER of the mechanism's name, 1.2.840.113554.1.2.2.
var krb5 = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02}

// The kinds of tokens (RFC 4121 section 4.1).
const (
	tokenAsk    = 0x0100 // KRB_AP_REQ
	tokenAnswer = 0x0200 // KRB_AP_REP
	tokenError  = 0x0300 // KRB_ERROR
)

// ask is the token with the ticket.
func (c *Context) ask() ([]byte, error) {
	t := &c.t.ticket
	auth, err := types.NewAuthenticator(t.realm, t.who)
	if err != nil {
		return nil, err
	}
	auth.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: checksum(c.binding)}
	req, err := messages.NewAPReq(t.Ticket, t.key, auth)
	if err != nil {
		return nil, err
	}
	types.SetFlag(&req.APOptions, flags.APOptionMutualRequired)
	body, err := req.Marshal()
	if err != nil {
		return nil, err
	}
	c.asked, c.state = auth, asked
	token := binary.BigEndian.AppendUint16(bytes.Clone(krb5), tokenAsk)
	return asn1tools.AddASNAppTag(append(token, body...), 0), nil
}

// answer takes the server's proof: the time that we sent it, in the key of the
// ticket.
func (c *Context) answer(token []byte) error {
	kind, body, err := opened(token)
	switch {
	case err != nil:
		return err
	case kind == tokenError:
		var why messages.KRBError
		if err := why.Unmarshal(body); err != nil {
			return err
		}
		return refused(c.t, why)
	case kind != tokenAnswer:
		return ErrOrder
	}
	var rep messages.APRep
	if err := rep.Unmarshal(body); err != nil {
		return err
	}
	plain, err := crypto.DecryptEncPart(rep.EncPart, c.key, keyusage.AP_REP_ENCPART)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	if !part.CTime.Equal(c.asked.CTime.Truncate(time.Second)) || part.Cusec != c.asked.Cusec {
		return fmt.Errorf("%w: it answers another question", ErrForged)
	}
	if len(part.Subkey.KeyValue) > 0 {
		c.key, c.flags = part.Subkey, flagSubkey
	}
	c.state = answered
	return nil
}

// opened takes the frame off a token (RFC 2743 section 3.1).
func opened(token []byte) (kind uint16, body []byte, err error) {
	_, body, found := bytes.Cut(token, krb5)
	if !found || len(body) < 2 {
		return 0, nil, errors.New("the server's token is not of Kerberos 5")
	}
	return binary.BigEndian.Uint16(body), body[2:], nil
}

// The flags of a wrapped token (RFC 4121 section 4.2.2).
const (
	flagAcceptor = 1 << iota
	flagSealed
	flagSubkey
)

// noLayer is the security layer "none" (RFC 4752 section 3.3).
const noLayer = 1

// NegotiateSaslAuth takes the layers that the server offers, and chooses none
// (RFC 4752 section 3.1).
func (c *Context) NegotiateSaslAuth(token []byte, authzid string) ([]byte, error) {
	if c.state != answered {
		return nil, ErrOrder
	}
	offer, err := c.unwrap(token)
	if err != nil {
		return nil, err
	}
	if len(offer) != 4 {
		return nil, ErrOrder
	}
	if offer[0]&noLayer == 0 {
		return nil, ErrSealing
	}
	out, err := c.wrap(append([]byte{noLayer, 0, 0, 0}, authzid...))
	if err == nil {
		c.state = complete
	}
	return out, err
}

// DeleteSecContext forgets the keys; what Complete says remains.
func (c *Context) DeleteSecContext() error {
	c.key, c.asked = types.EncryptionKey{}, types.Authenticator{}
	return nil
}

// unwrap is what a token of the server says. It may be rotated: MIT puts the
// checksum first.
func (c *Context) unwrap(token []byte) ([]byte, error) {
	if len(token) < gssapi.HdrLen || token[2]&flagSealed != 0 || token[2]&flagSubkey != c.flags {
		return nil, fmt.Errorf("%w: its offer is not wrapped as it said", ErrForged)
	}
	head, body := token[:gssapi.HdrLen], token[gssapi.HdrLen:]
	if len(body) == 0 {
		return nil, ErrOrder
	}
	by := int(binary.BigEndian.Uint16(head[6:])) % len(body)
	token = bytes.Join([][]byte{head, body[by:], body[:by]}, nil)
	var w gssapi.WrapToken
	if err := w.Unmarshal(token, true); err != nil {
		return nil, err
	}
	if _, err := w.Verify(c.key, keyusage.GSSAPI_ACCEPTOR_SEAL); err != nil {
		return nil, fmt.Errorf("%w: its offer is not signed by it", ErrForged)
	}
	return w.Payload, nil
}

func (c *Context) wrap(says []byte) ([]byte, error) {
	kind, err := crypto.GetEtype(c.key.KeyType)
	if err != nil {
		return nil, err
	}
	w := gssapi.WrapToken{Flags: c.flags, EC: uint16(kind.GetHMACBitLength() / 8), SndSeqNum: uint64(c.asked.SeqNumber), Payload: says}
	if err := w.SetCheckSum(c.key, keyusage.GSSAPI_INITIATOR_SEAL); err != nil {
		return nil, err
	}
	return w.Marshal()
}
