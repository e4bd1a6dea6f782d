package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // OAEP's default digest; its strength does not rest on collisions
	_ "crypto/sha512"
	"crypto/subtle"
)

// contentCipher is an allowed content encryption.
type contentCipher struct {
	size int // of the key
	gcm  bool
}

var contentCiphers = map[string]contentCipher{
	nsEnc11 + "aes128-gcm": {16, true},
	nsEnc11 + "aes192-gcm": {24, true},
	nsEnc11 + "aes256-gcm": {32, true},
	nsEnc + "aes128-cbc":   {16, false},
	nsEnc + "aes192-cbc":   {24, false},
	nsEnc + "aes256-cbc":   {32, false},
}

const (
	oaepMGF1P = nsEnc + "rsa-oaep-mgf1p"
	oaep11    = nsEnc11 + "rsa-oaep"
)

var oaepDigests = map[string]crypto.Hash{
	"":               crypto.SHA1,
	nsDSig + "sha1":  crypto.SHA1,
	nsEnc + "sha256": crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	nsEnc + "sha512":       crypto.SHA512,
	nsEnc11 + "mgf1sha1":   crypto.SHA1,
	nsEnc11 + "mgf1sha256": crypto.SHA256,
	nsEnc11 + "mgf1sha384": crypto.SHA384,
	nsEnc11 + "mgf1sha512": crypto.SHA512,
}

// envelope is an EncryptedAssertion whose shape and algorithms are allowed.
type envelope struct {
	content contentCipher
	data    []byte
	keys    []wrappedKey
}

// wrappedKey is the content key, encrypted for one of our keys.
type wrappedKey struct {
	data []byte
	oaep rsa.OAEPOptions
}

// maxWrapped bounds how many private-key operations a message can ask for.
const maxWrapped = 2

// decrypted opens the response's EncryptedAssertion. What can be told from
// outside is told by its own reason; what depends on the secret key is one
// reason, whatever went wrong.
func (j judge) decrypted(v verifier) (signedAssertion, *Rejection) {
	if len(j.c.Keys) == 0 {
		return signedAssertion{}, reject(EncryptionUnwanted, "a plain assertion, or a key", "an encrypted one, and no key")
	}
	e, r := openEnvelope(v.whole.node.child(nsAssertion, "EncryptedAssertion"))
	if r != nil {
		return signedAssertion{}, r
	}
	if !e.content.gcm && !v.outer {
		return signedAssertion{}, reject(EncryptionCBC, "AES-GCM, or a signed response", "AES-CBC in an unsigned response")
	}
	doc, a, ok := j.plaintext(e)
	if !ok {
		return signedAssertion{}, reject(DecryptionFailed, "one assertion, encrypted for one of our keys", "something else")
	}
	return j.fromPlaintext(v, doc, a)
}

// fromPlaintext verifies the decrypted assertion. Anyone can encrypt for us, so
// without a signature of its own it counts only inside a signed response.
func (j judge) fromPlaintext(v verifier, doc string, a *node) (signedAssertion, *Rejection) {
	key, signed, r := signedBy(a, v.keys)
	switch {
	case r != nil:
		return signedAssertion{}, r
	case !signed && (j.c.Signed == SignedAssertion || j.c.Signed == SignedBoth):
		return signedAssertion{}, reject(AssertionUnsigned, "a signed assertion", "an unsigned one")
	case !signed && !v.outer:
		return signedAssertion{}, reject(SignatureMissing, "a signed response or assertion", "neither")
	case !signed:
		return signedAssertion{node: a, key: v.whole.key, encrypted: true}, nil
	}
	el, r := parse(doc, a)
	if r != nil {
		return signedAssertion{}, r
	}
	own, r := verify(el, a, key)
	return signedAssertion{node: own.node, key: own.key, encrypted: true}, r
}

// openEnvelope checks shape and algorithms.
func openEnvelope(n *node) (envelope, *Rejection) {
	var e envelope
	bad := reject(EncryptionShape, "one EncryptedData and its key", "something else")
	datas := n.children(nsEnc, "EncryptedData")
	keys := n.children(nsEnc, "EncryptedKey")
	if len(datas) != 1 || len(datas)+len(keys) != len(n.kids) {
		return e, bad
	}
	data := datas[0]
	method := data.child(nsEnc, "EncryptionMethod")
	if method == nil || len(data.children(nsEnc, "EncryptionMethod")) > 1 {
		return e, bad
	}
	algorithm := method.attrOr("Algorithm", "none")
	content, ok := contentCiphers[algorithm]
	if !ok {
		return e, reject(EncryptionAlgorithm, "AES-GCM or AES-CBC", algorithm)
	}
	e.content = content
	if info := data.child(nsDSig, "KeyInfo"); info != nil {
		keys = append(keys, info.children(nsEnc, "EncryptedKey")...)
	}
	if len(keys) == 0 || len(keys) > maxWrapped {
		return e, bad
	}
	for _, k := range keys {
		w, r := openKey(k, bad)
		if r != nil {
			return e, r
		}
		e.keys = append(e.keys, w)
	}
	e.data, ok = cipherValue(data)
	if !ok {
		return e, bad
	}
	return e, nil
}

func openKey(k *node, bad *Rejection) (wrappedKey, *Rejection) {
	var w wrappedKey
	method := k.child(nsEnc, "EncryptionMethod")
	if method == nil {
		return w, bad
	}
	algorithm := method.attrOr("Algorithm", "none")
	if algorithm != oaepMGF1P && algorithm != oaep11 {
		return w, reject(EncryptionTransport, "RSA-OAEP", algorithm)
	}
	digest, mgf := "", ""
	if d := method.child(nsDSig, "DigestMethod"); d != nil {
		digest, _ = d.attr("Algorithm")
	}
	if m := method.child(nsEnc11, "MGF"); m != nil && algorithm == oaep11 {
		mgf, _ = m.attr("Algorithm")
	}
	hash, known := oaepDigests[digest]
	mgfHash, knownMGF := oaepDigests[mgf]
	if !known || !knownMGF {
		return w, reject(EncryptionTransport, "RSA-OAEP with SHA-1 or SHA-2", digest+" "+mgf)
	}
	w.oaep = rsa.OAEPOptions{Hash: hash, MGFHash: mgfHash}
	if p := method.child(nsEnc, "OAEPparams"); p != nil {
		label, ok := base64Text(p)
		if !ok {
			return w, bad
		}
		w.oaep.Label = label
	}
	var ok bool
	if w.data, ok = cipherValue(k); !ok {
		return w, bad
	}
	return w, nil
}

func cipherValue(n *node) ([]byte, bool) {
	data := n.child(nsEnc, "CipherData")
	if data == nil || len(data.kids) != 1 || !data.kids[0].is(nsEnc, "CipherValue") || len(n.children(nsEnc, "CipherData")) > 1 {
		return nil, false
	}
	return base64Text(data.kids[0])
}

// plaintext decrypts with each of our keys until one gives an assertion. A key
// that does not unwrap goes on with a random content key, so that neither answer
// nor work tells which step failed.
func (j judge) plaintext(e envelope) (doc string, a *node, ok bool) {
	for _, own := range j.c.Keys {
		for _, w := range e.keys {
			text, opened := e.open(contentKey(own.Private, w, e.content.size))
			if !opened {
				continue
			}
			root, r := scan(string(text), j.c.Limits)
			if r == nil && root.is(nsAssertion, "Assertion") && whole(root) {
				return string(text), root, true
			}
		}
	}
	return "", nil, false
}

// whole reports whether a decrypted assertion has the shape that one in the
// open must have.
func whole(a *node) bool {
	response := &node{space: nsProtocol, name: "Response", kids: []*node{a}}
	return places(response) == nil && assertionShape(a) == nil
}

// contentKey unwraps a content key; when it cannot, it is a random one.
func contentKey(private *rsa.PrivateKey, w wrappedKey, size int) []byte {
	key := make([]byte, size)
	rand.Read(key)
	opened, err := private.Decrypt(nil, w.data, &w.oaep)
	if err == nil && len(opened) == size {
		subtle.ConstantTimeCopy(1, key, opened)
	}
	return key
}

// open decrypts the content.
func (e envelope) open(key []byte) ([]byte, bool) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, false
	}
	if !e.content.gcm {
		return openCBC(block, e.data)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil || len(e.data) < aead.NonceSize()+aead.Overhead() {
		return nil, false
	}
	text, err := aead.Open(nil, e.data[:aead.NonceSize()], e.data[aead.NonceSize():], nil)
	return text, err == nil
}

// openCBC decrypts and takes off the padding of XML encryption, whose last byte
// says how long it is and whose others are arbitrary. It is reached only when
// the cipher text was signed.
func openCBC(block cipher.Block, data []byte) ([]byte, bool) {
	const n = aes.BlockSize
	if len(data) < 2*n || len(data)%n != 0 {
		return nil, false
	}
	text := make([]byte, len(data)-n)
	cipher.NewCBCDecrypter(block, data[:n]).CryptBlocks(text, data[n:])
	pad := int(text[len(text)-1])
	if pad < 1 || pad > n {
		return nil, false
	}
	return text[:len(text)-pad], true
}
