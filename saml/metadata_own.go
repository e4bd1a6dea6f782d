package saml

import (
	"encoding/base64"
	"fmt"

	"github.com/beevik/etree"
)

// offered are the encryption methods in the order of our liking. AES-CBC, which
// is taken inside a signed response, is not offered.
var offered = []string{nsEnc11 + "aes256-gcm", nsEnc11 + "aes128-gcm", oaepMGF1P}

// Metadata is our own metadata: entity id, every key for signing and
// encryption, ACS and logout URLs. An identity provider that loaded them before
// a rollover has both keys, and goes on when the second becomes the first.
//
// It is written by hand: crewjam/saml writes validUntil="0001-01-01" when there
// is none, and does not offer AES-256-GCM.
func (p *Provider) Metadata() ([]byte, error) {
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	entity := doc.CreateElement("md:EntityDescriptor")
	entity.CreateAttr("xmlns:md", nsMetadata)
	entity.CreateAttr("entityID", p.c.EntityID)
	role := entity.CreateElement("md:SPSSODescriptor")
	role.CreateAttr("AuthnRequestsSigned", fmt.Sprint(p.signsRequests()))
	role.CreateAttr("WantAssertionsSigned", fmt.Sprint(p.c.Signed != SignedResponse))
	role.CreateAttr("protocolSupportEnumeration", nsProtocol)
	for _, k := range p.c.Keys {
		keyDescriptor(role, "signing", k)
		encryption := keyDescriptor(role, "encryption", k)
		for _, a := range offered {
			encryption.CreateElement("md:EncryptionMethod").CreateAttr("Algorithm", a)
		}
	}
	if p.c.SLO != "" && len(p.c.Keys) > 0 {
		for _, b := range []Binding{Redirect, POST} {
			service(role, "md:SingleLogoutService", b, p.c.SLO)
		}
	}
	role.CreateElement("md:NameIDFormat").SetText(p.c.NameIDFormat)
	acs := service(role, "md:AssertionConsumerService", POST, p.c.ACS)
	acs.CreateAttr("index", "1")
	acs.CreateAttr("isDefault", "true")
	doc.Indent(2)
	out, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("write metadata of source %q: %w", p.c.Source, err)
	}
	return out, nil
}

func keyDescriptor(role *etree.Element, use string, k Key) *etree.Element {
	d := role.CreateElement("md:KeyDescriptor")
	d.CreateAttr("use", use)
	info := d.CreateElement("ds:KeyInfo")
	info.CreateAttr("xmlns:ds", nsDSig)
	cert := info.CreateElement("ds:X509Data").CreateElement("ds:X509Certificate")
	cert.SetText(base64.StdEncoding.EncodeToString(k.Certificate.Raw))
	return d
}

func service(role *etree.Element, name string, b Binding, location string) *etree.Element {
	s := role.CreateElement(name)
	s.CreateAttr("Binding", string(b))
	s.CreateAttr("Location", location)
	return s
}
