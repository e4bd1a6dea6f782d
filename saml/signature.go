package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// family is the kind of key that an algorithm wants.
type family uint8

const (
	familyRSA family = iota + 1
	familyECDSA
)

// signatureAlgorithms is the allow-list; what is not in it does not exist.
var signatureAlgorithms = map[string]struct {
	family family
	hash   crypto.Hash
}{
	dsig.RSASHA256SignatureMethod:   {familyRSA, crypto.SHA256},
	dsig.RSASHA384SignatureMethod:   {familyRSA, crypto.SHA384},
	dsig.RSASHA512SignatureMethod:   {familyRSA, crypto.SHA512},
	dsig.ECDSASHA256SignatureMethod: {familyECDSA, crypto.SHA256},
	dsig.ECDSASHA384SignatureMethod: {familyECDSA, crypto.SHA384},
	dsig.ECDSASHA512SignatureMethod: {familyECDSA, crypto.SHA512},
}

var digestAlgorithms = map[string]crypto.Hash{
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

// signatureOf checks the shape of the one Signature that n may have and returns
// its algorithm, or "" when there is none.
func signatureOf(n *node) (algorithm string, r *Rejection) {
	sig := n.child(nsDSig, "Signature")
	if sig == nil {
		return "", nil
	}
	if len(n.children(nsDSig, "Signature")) > 1 {
		return "", reject(SignatureSeveral, "one signature on "+n.name, "several")
	}
	if r := exactly(sig, "SignedInfo", "SignatureValue", "?KeyInfo"); r != nil {
		return "", r
	}
	info := sig.kids[0]
	if r := exactly(info, "CanonicalizationMethod", "SignatureMethod", "Reference"); r != nil {
		return "", r
	}
	if alg := info.kids[0].attrOr("Algorithm", "none"); alg != string(dsig.CanonicalXML10ExclusiveAlgorithmId) || len(info.kids[0].kids) > 0 {
		return "", reject(SignatureC14N, "exclusive canonicalisation of SignedInfo", alg)
	}
	algorithm = info.kids[1].attrOr("Algorithm", "none")
	if _, ok := signatureAlgorithms[algorithm]; !ok || len(info.kids[1].kids) > 0 {
		return "", reject(SignatureAlgorithm, "RSA or ECDSA with SHA-256 or better", algorithm)
	}
	if r := reference(info.kids[2], n); r != nil {
		return "", r
	}
	if raw, ok := base64Text(sig.kids[1]); !ok || len(raw) == 0 {
		return "", reject(SignatureValue, "a signature value in base64", "something else")
	}
	return algorithm, nil
}

// exactly checks that n has those children of XML-Signature, in that order and
// no others; a name that begins with ? may be missing.
func exactly(n *node, names ...string) *Rejection {
	if !isBlank(n.text) {
		return reject(SignatureShape, "elements only in "+n.name, "text")
	}
	i := 0
	for _, name := range names {
		name, optional := strings.CutPrefix(name, "?")
		switch {
		case i < len(n.kids) && n.kids[i].is(nsDSig, name):
			i++
		case !optional && name == "Reference":
			return reject(SignatureReference, "one Reference", "none")
		case !optional:
			return reject(SignatureShape, "one "+name+" in "+n.name, "none")
		}
	}
	if i == len(n.kids) {
		return nil
	}
	if n.kids[i].is(nsDSig, "Reference") {
		return reject(SignatureReference, "one Reference", "several")
	}
	return reject(SignatureShape, "no more in "+n.name, n.kids[i].name)
}

// reference checks that ref is over the element that its signature is in, by
// the two transforms of SAML and a digest of the allow-list.
func reference(ref, signed *node) *Rejection {
	id, _ := signed.attr("ID")
	if uri, has := ref.attr("URI"); !has || id == "" || uri != "#"+id {
		return reject(SignatureReference, "a reference to the "+signed.name+" it is in", uri)
	}
	if r := exactly(ref, "Transforms", "DigestMethod", "DigestValue"); r != nil {
		if ref.child(nsDSig, "Transforms") == nil {
			return reject(SignatureTransform, "the two transforms of SAML", "none")
		}
		return r
	}
	if r := transforms(ref.kids[0]); r != nil {
		return r
	}
	algorithm := ref.kids[1].attrOr("Algorithm", "none")
	hash, ok := digestAlgorithms[algorithm]
	if !ok || len(ref.kids[1].kids) > 0 {
		return reject(DigestAlgorithm, "SHA-256 or better", algorithm)
	}
	digest, ok := base64Text(ref.kids[2])
	if !ok || len(digest) != hash.Size() {
		return reject(DigestValue, "a digest of "+decimal(hash.Size())+" bytes", "something else")
	}
	if string(digest) == string(hash.New().Sum(nil)) {
		return reject(DigestValue, "a digest of the "+signed.name, "the digest of nothing")
	}
	return nil
}

func transforms(t *node) *Rejection {
	want := []string{string(dsig.EnvelopedSignatureAltorithmId), string(dsig.CanonicalXML10ExclusiveAlgorithmId)}
	if len(t.kids) != len(want) || !isBlank(t.text) {
		return reject(SignatureTransform, "the two transforms of SAML", decimal(len(t.kids)))
	}
	for i, k := range t.kids {
		if alg, _ := k.attr("Algorithm"); !k.is(nsDSig, "Transform") || alg != want[i] {
			return reject(SignatureTransform, want[i], alg)
		}
		for _, p := range k.kids {
			if i == 0 || !p.is(nsC14N, "InclusiveNamespaces") || len(k.kids) > 1 || len(p.kids) > 0 {
				return reject(SignatureTransform, want[i]+" without parameters", p.name)
			}
		}
	}
	return nil
}

func base64Text(n *node) ([]byte, bool) {
	if len(n.kids) > 0 {
		return nil, false
	}
	return decodeBase64(n.text)
}

// decodeBase64 is strict but for blanks, which every identity provider folds
// its lines with.
func decodeBase64(s string) ([]byte, bool) {
	// The decoder skips line ends by itself.
	if strings.IndexByte(s, ' ') >= 0 || strings.IndexByte(s, '\t') >= 0 {
		s = strings.Map(func(r rune) rune {
			if strings.ContainsRune(blanks, r) {
				return -1
			}
			return r
		}, s)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	return raw, err == nil
}

// verify checks the signature of el, whose shape signatureOf has accepted as n
// and whose SignedInfo is by key, and returns what was signed: read from the
// canonical bytes that the digest is over, without the signature, and equal to
// n. The message's KeyInfo is not looked at.
func verify(el *etree.Element, n *node, key SigningKey) (verified, *Rejection) {
	signed, err := validate(detached(el, key), key.Certificate)
	if err != nil {
		r := reject(DigestMismatch, "the content that was signed", "changed content")
		r.Cause = err
		return verified{}, r
	}
	read, r := fromElement(signed, nil)
	if r != nil || !read.same(n.without(n.child(nsDSig, "Signature"))) {
		return verified{}, reject(SignedBytesDiffer, "the message as it was signed", "another reading")
	}
	return verified{signed, read, key}, nil
}

// verified is an element as its trusted signer signed it.
type verified struct {
	element *etree.Element
	node    *node
	key     SigningKey
}

// validate asks goxmldsig. The certificate is trusted by pinning, so its dates
// are the policy's business and not the library's.
func validate(el *etree.Element, cert *x509.Certificate) (*etree.Element, error) {
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	ctx.Clock = dsig.NewFakeClockAt(cert.NotBefore)
	signed, err := ctx.Validate(el)
	if err == nil && signed == nil {
		err = dsig.ErrInvalidSignature // over no bytes at all
	}
	return signed, err
}

// signedBy finds the trusted key that signed the SignedInfo of a scanned
// element, or the zero key when the element has no signature. Only the Signature
// is parsed for it: a stranger's message ends here, before anything of its size
// is parsed again or canonicalised. verify then proves the whole with that key.
func signedBy(n *node, keys []SigningKey) (SigningKey, bool, *Rejection) {
	algorithm, r := signatureOf(n)
	if r != nil || algorithm == "" {
		return SigningKey{}, false, r
	}
	info, value, err := signedInfo(n.child(nsDSig, "Signature"))
	if err != nil {
		r := reject(SignatureShape, "a SignedInfo that canonicalises", "another")
		r.Cause = err
		return SigningKey{}, false, r
	}
	refusal := reject(SignatureKeyType, "a trusted key for "+algorithm, "keys of other kinds only")
	for _, key := range keys {
		if key.family() != signatureAlgorithms[algorithm].family {
			continue
		}
		if checkSignature(key.Certificate.PublicKey, algorithm, info, value) {
			return key, true, nil
		}
		refusal = reject(SignatureUntrusted, "a signature by a key of the metadata", "one by another key")
	}
	return SigningKey{}, false, refusal
}

// signedInfo is the canonical SignedInfo of a scanned Signature, and its
// signature value.
func signedInfo(sig *node) (info, value []byte, err error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(inScope(sig)); err != nil {
		return nil, nil, fmt.Errorf("read Signature: %w", err)
	}
	el := doc.Root().ChildElements()[0].ChildElements()[0]
	scope, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		return nil, nil, fmt.Errorf("namespaces of SignedInfo: %w", err)
	}
	alone, err := etreeutils.NSDetatch(scope, el)
	if err != nil {
		return nil, nil, fmt.Errorf("namespaces of SignedInfo: %w", err)
	}
	info, err = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(alone)
	value, _ = base64Text(sig.kids[1])
	return info, value, err
}

var escapeAttr = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;")

// inScope is an element as written, inside one that declares what was in scope.
func inScope(n *node) string {
	var b strings.Builder
	b.WriteString("<scope")
	for i, s := range n.scope {
		if slices.ContainsFunc(n.scope[i+1:], func(later binding) bool { return later.prefix == s.prefix }) || s.prefix == "xml" {
			continue
		}
		b.WriteString(" xmlns")
		if s.prefix != "" {
			b.WriteString(":" + s.prefix)
		}
		b.WriteString(`="` + escapeAttr.Replace(s.uri) + `"`)
	}
	b.WriteString(">" + n.source + "</scope>")
	return b.String()
}

// checkSignature verifies a signature over data by an algorithm of the
// allow-list.
func checkSignature(key crypto.PublicKey, algorithm string, data, signature []byte) bool {
	hash := signatureAlgorithms[algorithm].hash
	h := hash.New()
	h.Write(data)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), signature) == nil
	case *ecdsa.PublicKey:
		return verifyECDSA(key, h.Sum(nil), signature)
	}
	return false
}

// verifyECDSA takes r and s in fixed length, as XML-Signature says, and in
// ASN.1, as programs over crypto/x509 send.
func verifyECDSA(key *ecdsa.PublicKey, digest, signature []byte) bool {
	return ecdsa.VerifyASN1(key, digest, asn1Signature(key, signature))
}

// asn1Signature is the signature as crypto/x509, and so goxmldsig, reads it.
func asn1Signature(key crypto.PublicKey, signature []byte) []byte {
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return signature
	}
	size := (ec.Curve.Params().BitSize + 7) / 8
	if len(signature) != 2*size {
		return signature
	}
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	raw, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		return signature
	}
	return raw
}

// detached is a copy of el that stands alone: with the namespaces that were in
// scope, and with its own Signature in front, without KeyInfo, its value in one
// line. All of that stands in the Signature, which enveloped-signature takes out
// before anything is digested. In front, goxmldsig finds it at once: it looks at
// 1,000 elements at most.
func detached(el *etree.Element, key SigningKey) *etree.Element {
	alone := el.Copy()
	for up := el.Parent(); up != nil; up = up.Parent() {
		for _, a := range up.Attr {
			if (a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns") && alone.SelectAttr(a.FullKey()) == nil {
				alone.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
	sig := alone.SelectElement("Signature")
	alone.RemoveChild(sig)
	alone.InsertChildAt(0, sig)
	for _, part := range sig.ChildElements() {
		switch part.Tag {
		case "KeyInfo":
			sig.RemoveChild(part)
		case "SignatureValue":
			value, _ := decodeBase64(part.Text())
			part.SetText(base64.StdEncoding.EncodeToString(asn1Signature(key.Certificate.PublicKey, value)))
		}
	}
	return alone
}

func familyOf(key crypto.PublicKey) family {
	switch key.(type) {
	case *rsa.PublicKey:
		return familyRSA
	case *ecdsa.PublicKey:
		return familyECDSA
	}
	return 0
}
