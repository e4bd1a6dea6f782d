package memdir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Epoch is the time of change 0; each change is a second later.
var Epoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

const stampLayout = "20060102150405"

func csnText(n int) string {
	return Epoch.Add(time.Duration(n)*time.Second).Format(stampLayout) + ".000000Z#000000#000#000000"
}

func csnNumber(s string) (int, bool) {
	stamp, _, _ := strings.Cut(s, ".")
	at, err := time.Parse(stampLayout, stamp)
	n := int(at.Sub(Epoch) / time.Second)
	return n, err == nil && csnText(n) == s
}

// values are the values of an attribute, also of those that the server makes.
func (s *Server) values(e *Entry, name string) []string {
	if e.ID.IsZero() {
		return e.Values(name)
	}
	at := func(csn int) string { return Epoch.Add(time.Duration(csn) * time.Second).Format(stampLayout + "Z") }
	changed := at(e.CSN)
	switch lower := strings.ToLower(name); {
	case lower == "modifytimestamp":
		return []string{changed}
	case lower == "createtimestamp":
		return []string{at(e.Born)}
	case lower == "entryuuid" && (s.Kind == OpenLDAP || s.Kind == Generic):
		return []string{e.ID.String()}
	case lower == "entrycsn" && s.Kind == OpenLDAP:
		return []string{csnText(e.CSN)}
	case lower == "contextcsn" && s.Kind == OpenLDAP && key(e.DN) == Suffix:
		return []string{csnText(s.Dir.CSN())}
	case lower == "nsuniqueid" && s.Kind == DS389:
		h := strings.ReplaceAll(e.ID.String(), "-", "")
		return []string{h[:8] + "-" + h[8:16] + "-" + h[16:24] + "-" + h[24:]}
	case lower == "objectguid" && s.Kind == ActiveDirectory:
		g := e.ID
		slices.Reverse(g[0:4])
		slices.Reverse(g[4:6])
		slices.Reverse(g[6:8])
		return []string{string(g[:])}
	case lower == "usnchanged" && s.Kind == ActiveDirectory:
		return []string{strconv.Itoa(e.CSN)}
	}
	return e.Values(name)
}

// rootDSE is what each kind says about itself, as it was seen there.
func (s *Server) rootDSE() *Entry {
	e := &Entry{Attrs: map[string][]string{}}
	e.set("namingContexts", []string{Suffix})
	controls := []string{oidPaging}
	switch s.Kind {
	case OpenLDAP:
		e.set("objectClass", []string{"top", "OpenLDAProotDSE"})
		if !s.NoSync {
			controls = append(controls, oidSyncRequest)
		}
	case ActiveDirectory:
		e.set("supportedCapabilities", []string{"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670"})
		e.set("dsServiceName", []string{"CN=NTDS Settings,CN=DC1,CN=Servers," + Suffix})
		e.set("highestCommittedUSN", []string{strconv.Itoa(s.Dir.CSN())})
		controls = append(controls, oidShowDeleted)
	case DS389:
		e.set("objectClass", []string{"top"})
		e.set("vendorName", []string{"389 Project"})
		e.set("vendorVersion", []string{"389-Directory/2.3.1 B2022.000.0000"})
		controls = append(controls, oidSyncRequest)
	case Generic:
		e.set("vendorName", []string{"Example"})
	}
	e.set("supportedControl", controls)
	e.set("supportedSASLMechanisms", []string{"EXTERNAL"})
	return e
}

// sync turns an answer into one of RFC 4533 refreshOnly.
func (s *Server) sync(a *Answer) {
	if s.Kind == DS389 {
		s.sync389(a)
		return
	}
	_, csn, _ := strings.Cut(string(a.sync), "csn=")
	since, known := csnNumber(csn)
	cookie := octets("rid=000,csn=" + csnText(s.Dir.CSN()))
	switch {
	case !known: // everything, and nothing about deletions
		a.Done = tlv(0x30, cookie, boolean(true))
		return
	case since == s.Dir.CSN(): // OpenLDAP leaves the cookie out
		a.Entries, a.Done = nil, tlv(0x30, boolean(true))
		return
	case s.NoLog:
		var present [][]byte
		for _, e := range a.Entries {
			if e.CSN <= since {
				present = append(present, octets(string(e.ID[:])))
			}
		}
		a.Infos = append(a.Infos, tlv(0xa3, boolean(false), tlv(0x31, present...)))
		a.Done = tlv(0x30, cookie)
	default:
		var dead [][]byte
		for _, t := range s.Dir.Dead(since) {
			dead = append(dead, octets(string(t.ID[:])))
		}
		if len(dead) > 0 {
			a.Infos = append(a.Infos, tlv(0xa3, boolean(true), tlv(0x31, dead...)))
		}
		a.Done = tlv(0x30, cookie, boolean(true))
	}
	a.Entries = slices.DeleteFunc(slices.Clone(a.Entries), func(e *Entry) bool { return e.CSN <= since })
}

// sync389 answers as 389 Directory Server 2.3 was seen to.
func (s *Server) sync389(a *Answer) {
	cookie := func() []byte { return octets(fmt.Sprintf("dc1:389#%s:%s#%d", s.BindDN, a.Base, s.Dir.CSN())) }
	i := strings.LastIndexByte(string(a.sync), '#')
	since, err := strconv.Atoi(string(a.sync[i+1:]))
	switch {
	case len(a.sync) == 0:
		a.Done = tlv(0x30, cookie())
		return
	case err != nil || i < 0:
		a.Code, a.Entries = 4096, nil
		return
	case since == s.Dir.CSN():
		a.Entries, a.Done = nil, tlv(0x30)
		return
	}
	a.Entries = slices.DeleteFunc(slices.Clone(a.Entries), func(e *Entry) bool { return e.CSN <= since })
	for _, t := range s.Dir.Dead(since) {
		a.Entries = append(a.Entries, &Entry{ID: t.ID, DN: t.DN, CSN: t.CSN, Attrs: map[string][]string{}})
		a.States = append(slices.Repeat([]int{1}, len(a.Entries)-1-len(a.States)), a.States...)
		a.States = append(a.States, 3)
	}
	a.Done = tlv(0x30, cookie())
}
