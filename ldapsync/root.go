package ldapsync

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// Kind is which directory it is.
type Kind string

// The kinds. Generic is any other that has entryUUID.
const (
	KindAuto        Kind = ""
	OpenLDAP        Kind = "openldap"
	ActiveDirectory Kind = "active-directory"
	DS389           Kind = "389-ds"
	Generic         Kind = "generic"
)

// Mode is how changes are read.
type Mode string

// The modes. ModeFull reads everything every time.
const (
	ModeAuto      Mode = ""
	ModeFull      Mode = "full"
	ModeSyncrepl  Mode = "syncrepl"  // RFC 4533 refreshOnly
	ModeUSN       Mode = "usn"       // uSNChanged and tombstones
	ModeTimestamp Mode = "timestamp" // modifyTimestamp, and every id
)

// rootDSE is what a server says about itself.
type rootDSE struct {
	vendor    string
	contexts  []string
	controls  []string
	features  []string
	dsService string // of Active Directory
	usn       string // highestCommittedUSN
	openldap  bool
	ad        bool
	sasl      []string
}

const (
	oidPaging      = ldaplib.ControlTypePaging
	oidSync        = ldaplib.ControlTypeSyncRequest
	oidShowDeleted = ldaplib.ControlTypeMicrosoftShowDeleted
	oidADDirectory = "1.2.840.113556.1.4.800"
)

// probe asks the server what it is.
func (s *session) probe() error {
	r, err := s.read("", "objectClass", "vendorName", "vendorVersion", "namingContexts", "defaultNamingContext", "supportedControl",
		"supportedCapabilities", "supportedFeatures", "supportedSASLMechanisms", "dsServiceName", "highestCommittedUSN")
	if err != nil {
		return s.fault("probe", err)
	}
	if r == nil {
		return s.fault("probe", fmt.Errorf("the root DSE is hidden; the account that reads must see it"))
	}
	s.root = rootDSE{
		vendor:    strings.TrimSpace(r.first("vendorname") + " " + r.first("vendorversion")),
		contexts:  r.attrs["namingcontexts"],
		controls:  r.attrs["supportedcontrol"],
		features:  r.attrs["supportedfeatures"],
		sasl:      r.attrs["supportedsaslmechanisms"],
		dsService: r.first("dsservicename"),
		usn:       r.first("highestcommittedusn"),
		openldap:  slices.ContainsFunc(r.attrs["objectclass"], func(c string) bool { return strings.EqualFold(c, "OpenLDAProotDSE") }),
		ad:        slices.Contains(r.attrs["supportedcapabilities"], oidADDirectory),
	}
	s.p = profileOf(s.cfg, s.root)
	return nil
}

// kind guesses what the server is from what it says.
func (r rootDSE) kind() Kind {
	switch {
	case r.ad:
		return ActiveDirectory
	case r.openldap:
		return OpenLDAP
	case strings.Contains(r.vendor, "389"):
		return DS389
	}
	return Generic
}

// id names the server, so that a checkpoint is never taken to another. Of an
// Active Directory it is the one domain controller.
func (s *session) id() string {
	if s.root.dsService != "" {
		return string(s.p.kind) + " " + s.root.dsService
	}
	return string(s.p.kind) + " " + s.server
}

// context is the naming context that holds base: where an entry is looked for
// that left it.
func (s *session) context(base string) string {
	want, err := directory.ParseDN(base)
	if err != nil {
		return base
	}
	best, depth := base, -1
	for _, c := range s.root.contexts {
		d, err := directory.ParseDN(c)
		if err == nil && !d.IsZero() && (want.Under(d) || want.Equal(d)) && len(c) > depth {
			best, depth = c, len(c)
		}
	}
	return best
}

// mode chooses how changes are read.
func (s *session) mode() Mode {
	if s.cfg.Mode != ModeAuto {
		return s.cfg.Mode
	}
	switch {
	case s.p.kind == ActiveDirectory && s.root.usn != "":
		return ModeUSN
	case s.p.kind == OpenLDAP && slices.Contains(s.root.controls, oidSync):
		return ModeSyncrepl
	case s.p.kind == ActiveDirectory:
		return ModeFull
	}
	return ModeTimestamp
}

// watermark is how far the server is: contextCSN, or the highest USN; empty
// when it does not say.
func (s *session) watermark() (string, error) {
	switch s.p.kind {
	case ActiveDirectory:
		r, err := s.read("", "highestCommittedUSN")
		if err != nil || r == nil {
			return "", err
		}
		return r.first("highestcommittedusn"), nil
	case OpenLDAP:
		r, err := s.read(s.context(s.cfg.Users.Base), "contextCSN")
		if err != nil || r == nil {
			return "", err
		}
		csns := slices.Clone(r.attrs["contextcsn"])
		slices.Sort(csns)
		return strings.Join(csns, ";"), nil
	}
	return "", nil
}

// behind reports whether the watermark now is older than the one that was
// known: a replica that lags, or a server that was restored.
func (k Kind) behind(known, now string) bool {
	if known == "" || known == now {
		return false
	}
	if k == ActiveDirectory {
		a, errA := strconv.ParseUint(known, 10, 64)
		b, errB := strconv.ParseUint(now, 10, 64)
		return errA != nil || errB != nil || b < a
	}
	current := csnBySID(now)
	for sid, csn := range csnBySID(known) {
		if current[sid] < csn {
			return true
		}
	}
	return false
}

// csnBySID splits "time#count#sid#mod;…": one for each server that is written to.
func csnBySID(watermark string) map[string]string {
	out := map[string]string{}
	for csn := range strings.SplitSeq(watermark, ";") {
		if parts := strings.Split(csn, "#"); len(parts) == 4 {
			out[parts[2]] = max(out[parts[2]], csn)
		}
	}
	return out
}
