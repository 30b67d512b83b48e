package format

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
)

// What stands before an Ed25519 key in its DER forms (RFC 8410).
var (
	publicPrefix  = []byte{0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0}
	privatePrefix = []byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20}
)

// ErrSignature is a signature that none of the keys made.
var ErrSignature = errors.New("the signature is not by a key that this machine trusts: nothing was written")

// PublicKeys reads all keys of a PEM file, as `openssl pkey -pubout` writes them.
func PublicKeys(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		raw, ok := bytes.CutPrefix(block.Bytes, publicPrefix)
		if block.Type != "PUBLIC KEY" || !ok || len(raw) != ed25519.PublicKeySize {
			return nil, errors.New("a key that is no Ed25519 public key in PEM")
		}
		keys = append(keys, raw)
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key in PEM")
	}
	return keys, nil
}

// PrivateKey reads a key as `openssl genpkey -algorithm ed25519` writes it.
func PrivateKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no private key in PEM")
	}
	seed, ok := bytes.CutPrefix(block.Bytes, privatePrefix)
	if !ok || len(seed) != ed25519.SeedSize {
		return nil, errors.New("no Ed25519 private key in PEM (PKCS #8)")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Verify tells whether one of the keys signed the update's manifest, and so
// every byte that follows it.
func (u *Update) Verify(keys []ed25519.PublicKey, signature string) error {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(signature))
	if err != nil || len(raw) != ed25519.SignatureSize {
		return ErrSignature
	}
	for _, key := range keys {
		if ed25519.Verify(key, u.Signed, raw) {
			return nil
		}
	}
	return ErrSignature
}

// Sign makes the signature that Verify takes.
func (u *Update) Sign(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, u.Signed)) + "\n"
}
