package ldapsync

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// played is a server that says fixed bytes once it is asked something.
func played(say []byte) net.Conn {
	ours, theirs := net.Pipe()
	go func() {
		defer ours.Close()
		if _, err := ours.Read(make([]byte, 4096)); err != nil {
			return
		}
		_, _ = ours.Write(say)
		_, _ = io.Copy(io.Discard, ours)
	}()
	return theirs
}

// searchOver asks once; with a sink the entries are lifted, without go-ldap
// decodes them.
func searchOver(say []byte, to sink) (*ldaplib.SearchResult, error) {
	t := newTap(&idleConn{played(say), time.Second}, 1<<20)
	defer t.Conn.Close()
	c := ldaplib.NewConn(t, true)
	c.Start()
	t.pour(to)
	defer t.pour(nil)
	return c.Search(baseSearch("", nil))
}

var resultDone = []byte{tagSequence, 12, tagInteger, 1, 1, 0x65, 7, tagEnumerated, 1, 0, tagOctets, 0, tagOctets, 0}

func wrapped(op []byte) []byte {
	body := append([]byte{tagInteger, 1, 1}, op...)
	return append(append([]byte{tagSequence, 0x83, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...), resultDone...)
}

// keep keeps an entry as go-ldap would.
type keep struct{ list []*ldaplib.Entry }

func (k *keep) entry(e *entry) error {
	out := &ldaplib.Entry{DN: string(e.dn), Attributes: []*ldaplib.EntryAttribute{}}
	for _, a := range e.attrs {
		attr := &ldaplib.EntryAttribute{Name: string(a.name), Values: []string{}, ByteValues: [][]byte{}}
		for _, v := range e.of(a) {
			attr.Values, attr.ByteValues = append(attr.Values, string(v)), append(attr.ByteValues, slices.Clone(v))
		}
		out.Attributes = append(out.Attributes, attr)
	}
	k.list = append(k.list, out)
	return nil
}

func (k *keep) reference([]byte)          {}
func (k *keep) intermediate([]byte) error { return nil }

// What the tap takes for an entry, go-ldap takes for the same one.
func FuzzEntryAgainstGoLDAP(f *testing.F) {
	for _, seed := range [][]byte{
		{tagEntry, 4, tagOctets, 0, tagSequence, 0},
		{tagEntry, 16, tagOctets, 3, 'd', 'c', '=', tagSequence, 9, tagSequence, 7, tagOctets, 1, 'a', tagSet, 2, tagOctets, 0},
		{tagEntry, 0x81, 4, tagOctets, 0, tagSequence, 0, tagControls, 0},
		{tagEntry, 0x80, tagOctets, 0, tagSequence, 0, 0, 0},
		{tagReference, 3, tagOctets, 1, 'x'},
		{tagIntermediate, 0},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, op []byte) {
		var e entry
		if len(op) > 1<<16 || e.parse(op) != nil {
			return
		}
		var lifted keep
		if _, err := searchOver(wrapped(op), &lifted); err != nil {
			t.Fatalf("%x: parsed, and not lifted: %v", op, err)
		}
		res, err := searchOver(wrapped(op), nil)
		if err != nil {
			t.Fatalf("%x: lifted, and go-ldap says %v", op, err)
		}
		if diff := cmp.Diff(lifted.list, res.Entries, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Fatalf("%x: - lifted, + go-ldap\n%s", op, diff)
		}
	})
}

func FuzzTap(f *testing.F) {
	f.Add(wrapped([]byte{tagEntry, 4, tagOctets, 0, tagSequence, 0}), 3)
	f.Add([]byte{tagSequence, 0x84, 0xff, 0xff, 0xff, 0xff}, 1)
	f.Fuzz(func(t *testing.T, say []byte, piece int) {
		c := &tap{Conn: &bytesConn{say: say, piece: max(1, piece)}, max: 1 << 16, buf: make([]byte, 8)}
		c.pour(&keep{})
		if n, err := io.Copy(io.Discard, c); err == nil && n > int64(len(say)) {
			t.Fatalf("%d bytes of %d", n, len(say))
		}
		if len(c.buf) > 1<<18 {
			t.Fatalf("a buffer of %d for %d bytes", len(c.buf), len(say))
		}
	})
}

// bytesConn is a connection on which bytes come in pieces.
type bytesConn struct {
	net.Conn
	say   []byte
	piece int
}

func (c *bytesConn) Read(p []byte) (int, error) {
	if len(c.say) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.piece)], c.say)
	c.say = c.say[n:]
	return n, nil
}

func TestTheTapAndGoLDAPReadTheSameDirectory(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		rapid.Check(t, func(t *rapid.T) {
			s := ldaptest.Serve(ldaptest.Generate(drawn{t}, 10, 10), kind)
			defer s.Close()
			c := config(s).withDefaults()
			session, err := c.open(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer session.close()
			sameEntries(t, session, ldaptest.Suffix)
		})
	})
}

func TestSlapdIsReadTheSameByTheTapAndGoLDAP(t *testing.T) {
	s := openSlapd(t)
	ada := s.person("ada")
	s.replace(ada, "description", "", "\x00\xff", "ünï", string(bytes.Repeat([]byte("long"), 50_000)))
	var many []string
	for i := range 3000 {
		many = append(many, "uid="+string(rune('a'+i%26))+string(rune('0'+i/300))+string(rune('0'+i/30%10))+string(rune('0'+i%30))+",ou=nowhere")
	}
	s.group("large", append(many, ada)...)
	c := s.config().withDefaults()
	session, err := c.open(t.Context(), "")
	s.must(err)
	defer session.close()
	sameEntries(t, session, s.base)
}

func sameEntries(t interface {
	fataler
	Fatalf(string, ...any)
}, s *session, base string) {
	t.Helper()
	req := func() *ldaplib.SearchRequest {
		return &ldaplib.SearchRequest{BaseDN: base, Scope: ldaplib.ScopeWholeSubtree, Filter: "(objectClass=*)", Attributes: []string{"*", "+"}}
	}
	var lifted keep
	if _, err := s.search(req(), &lifted); err != nil {
		t.Fatal(err)
	}
	plain, err := s.ldap.Search(req())
	if err != nil {
		t.Fatal(err)
	}
	if len(lifted.list) == 0 {
		t.Fatal("nothing was read")
	}
	if diff := cmp.Diff(lifted.list, plain.Entries, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Fatalf("- lifted, + go-ldap\n%s", diff)
	}
}

func TestALongMessageIsRefusedBeforeItIsRead(t *testing.T) {
	_, err := searchOver([]byte{tagSequence, 0x84, 0x7f, 0xff, 0xff, 0xff, tagInteger, 1, 1}, &keep{})
	if err == nil {
		t.Fatal("read")
	}
	d := small()
	s := serve(t, d, ldaptest.OpenLDAP)
	c := config(s)
	c.MaxMessage = 400
	d.Set("uid=ada,"+ldaptest.People, "displayName", string(bytes.Repeat([]byte("x"), 500)))
	_, err = try(c, directory.State{})
	if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrTooLong) || e.Words() == "" {
		t.Errorf("%v, want ErrTooLong", err)
	}
}

// A group of a million members is one message. It costs the message, the ids,
// and nothing else.
func Test23AGroupOfAMillionFitsIntoMemory(t *testing.T) {
	const n = 1_000_000
	if testing.Short() {
		t.Skip("left out: a million members")
	}
	people := make([]*directory.ReadAccount, n)
	for i := range people {
		id := directory.EntryID{byte(i), byte(i >> 8), byte(i >> 16), 1}
		people[i] = &directory.ReadAccount{ID: id, DN: "uid=" + uitoa(uint32(i)) + ",ou=people"}
	}
	var values []byte
	for _, a := range people {
		values = append(append(values, tagOctets, byte(len(a.DN))), a.DN...)
	}
	long := func(tag byte, content []byte) []byte {
		return append([]byte{tag, 0x84, byte(len(content) >> 24), byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content))}, content...)
	}
	member := long(tagSequence, append([]byte{tagOctets, 6, 'm', 'e', 'm', 'b', 'e', 'r'}, long(tagSet, values)...))
	id := append([]byte{tagSequence, 47, tagOctets, 9}, "entryUUID"...)
	id = append(append(id, tagSet, 34, tagOctets, 32), "0123456789abcdef0123456789abcdef"...)
	op := long(tagEntry, append([]byte{tagOctets, 1, 'g'}, long(tagSequence, append(id, member...))...))
	message := long(tagSequence, append([]byte{tagInteger, 1, 1}, op...))
	c := config(serve(t, small(), ldaptest.OpenLDAP)).withDefaults()
	p := profiles[OpenLDAP]
	list := newGroups(&c, &p, newFinder(people, nil))
	list.find.exactDN(nil)
	tap := newTap(&bytesConn{say: message, piece: 1 << 16}, 64<<20)
	tap.pour(list)
	before := heapNow()
	if _, err := io.Copy(io.Discard, tap); err != nil {
		t.Fatal(err)
	}
	grew := int64(heapNow()) - int64(before)
	if len(list.list) != 1 || len(list.list[0].Accounts) != n {
		t.Fatalf("%d groups, %d nameless", len(list.list), list.nameless)
	}
	// The message in a doubling buffer, its values' slices, 16 bytes an id twice.
	if cap := int64(2*len(message) + n*(24*2+16*3)); grew > cap {
		t.Errorf("the heap grew by %d MB for a message of %d MB", grew>>20, len(message)>>20)
	}
	t.Logf("a message of %d MB: the heap grew by %d MB", len(message)>>20, grew>>20)
}
