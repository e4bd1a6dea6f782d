package samltest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// Encryption says how to encrypt the assertion. Nothing is too wrong for it.
type Encryption struct {
	Content   string              // default AES-256-GCM
	Transport string              // default RSA-OAEP-MGF1P
	To        func(l *Lab) Pair   // default our first key
	Plain     func(string) string // edits the plaintext
	Cipher    func([]byte) []byte // edits the cipher text
	Wrapped   func([]byte) []byte // edits the encrypted key
	Shape     func(string) string // edits the EncryptedAssertion
	Sibling   bool                // puts the EncryptedKey beside the EncryptedData
}

func (e *Encryption) apply(l *Lab, doc *etree.Document) {
	a := doc.Root().SelectElement("Assertion")
	plain := string(Canonical(a))
	if e.Plain != nil {
		plain = e.Plain(plain)
	}
	doc.Root().InsertChildAt(a.Index(), Parse(e.Assertion(l, plain)).Root())
	doc.Root().RemoveChild(a)
}

// Assertion is an EncryptedAssertion that holds the text.
func (e *Encryption) Assertion(l *Lab, plain string) string {
	content, transport, to := e.Content, e.Transport, l.SP
	if content == "" {
		content = NSEnc11 + "aes256-gcm"
	}
	if transport == "" {
		transport = NSEnc + "rsa-oaep-mgf1p"
	}
	if e.To != nil {
		to = e.To(l)
	}
	key := make([]byte, keySize(content))
	rand.Read(key)
	data := seal(content, key, []byte(plain))
	if e.Cipher != nil {
		data = e.Cipher(data)
	}
	wrapped := wrap(transport, &to.RSA().PublicKey, key)
	if e.Wrapped != nil {
		wrapped = e.Wrapped(wrapped)
	}
	encryptedKey := fmt.Sprintf(`<xenc:EncryptedKey xmlns:xenc="%s"><xenc:EncryptionMethod Algorithm="%s"/><xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>`,
		NSEnc, transport, base64.StdEncoding.EncodeToString(wrapped))
	inside, beside := `<ds:KeyInfo xmlns:ds="`+NSDSig+`">`+encryptedKey+`</ds:KeyInfo>`, ""
	if e.Sibling {
		inside, beside = "", encryptedKey
	}
	text := fmt.Sprintf(`<saml:EncryptedAssertion xmlns:saml="%s"><xenc:EncryptedData xmlns:xenc="%s" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="%s"/>%s<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>%s</saml:EncryptedAssertion>`,
		NSAssertion, NSEnc, content, inside, base64.StdEncoding.EncodeToString(data), beside)
	if e.Shape != nil {
		text = e.Shape(text)
	}
	return text
}

func keySize(content string) int {
	switch {
	case strings.Contains(content, "128"):
		return 16
	case strings.Contains(content, "192"), strings.Contains(content, "tripledes"):
		return 24
	}
	return 32
}

func seal(content string, key, plain []byte) []byte {
	block, err := aes.NewCipher(key)
	must(err)
	if strings.HasSuffix(content, "gcm") {
		aead, err := cipher.NewGCM(block)
		must(err)
		nonce := make([]byte, aead.NonceSize())
		rand.Read(nonce)
		return aead.Seal(nonce, nonce, plain, nil)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, make([]byte, pad)...)
	plain[len(plain)-1] = byte(pad)
	iv := make([]byte, aes.BlockSize)
	rand.Read(iv)
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, plain)
	return append(iv, out...)
}

func wrap(transport string, to *rsa.PublicKey, key []byte) []byte {
	var out []byte
	var err error
	if strings.HasSuffix(transport, "rsa-1_5") {
		//lint:ignore SA1019 the corpus holds what must be refused
		out, err = rsa.EncryptPKCS1v15(rand.Reader, to, key)
	} else {
		out, err = rsa.EncryptOAEP(sha1.New(), rand.Reader, to, key, nil)
	}
	must(err)
	return out
}
