package kms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
)

// Encryption algorithms of RSA keys.
const (
	algorithmOAEPSHA1   = "RSAES_OAEP_SHA_1"
	algorithmOAEPSHA256 = "RSAES_OAEP_SHA_256"
)

// A symmetric ciphertext is
//
//	magic (8) | key id (16) | salt (100) | nonce (12) | AES-256-GCM ciphertext and tag (plaintext + 16)
//
// under HKDF-SHA256(key material, salt), and everything before the nonce is authenticated together with the encryption
// context. The salt is as long as makes the ciphertext of a 32-byte key 184 bytes, the length of AWS's, so that a package
// or an environment measured here is as large as it will be there.
const (
	symmetricKeySize = 32
	magic            = "\x01llocal\x01"
	saltSize         = 100
	headerSize       = len(magic) + 16 + saltSize
	nonceSize        = 12
	tagSize          = 16
)

// errTooLong says that a plaintext is longer than an RSA key takes.
var errTooLong = errors.New("the plaintext is too long for the key")

// errOpen says that a ciphertext does not open, for whatever reason.
var errOpen = errors.New("the ciphertext does not open")

// encrypt returns a symmetric ciphertext of plaintext under k.
func encrypt(random io.Reader, k key, context map[string]string, plaintext []byte) ([]byte, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(k.ID, "-", ""))
	if err != nil {
		return nil, fmt.Errorf("encode key id: %w", err)
	}
	fresh := make([]byte, saltSize+nonceSize)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	blob := slices.Concat([]byte(magic), id, fresh)
	gcm, err := aead(k, blob[:headerSize])
	if err != nil {
		return nil, err
	}
	return gcm.Seal(blob, blob[headerSize:], plaintext, additionalData(blob[:headerSize], context)), nil
}

// ciphertextKeyID returns the id of the key that made blob, or false when blob is no symmetric ciphertext.
func ciphertextKeyID(blob []byte) (string, bool) {
	if len(blob) < headerSize+nonceSize+tagSize || !bytes.HasPrefix(blob, []byte(magic)) {
		return "", false
	}
	id := hex.EncodeToString(blob[len(magic) : len(magic)+16])
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-"), true
}

// decrypt opens a blob for which ciphertextKeyID named k. It returns errOpen if blob or context is not what was encrypted.
func decrypt(k key, context map[string]string, blob []byte) ([]byte, error) {
	gcm, err := aead(k, blob[:headerSize])
	if err != nil {
		return nil, err
	}
	nonce, sealed := blob[headerSize:headerSize+nonceSize], blob[headerSize+nonceSize:]
	plaintext, err := gcm.Open(nil, nonce, sealed, additionalData(blob[:headerSize], context))
	if err != nil {
		return nil, errOpen
	}
	return plaintext, nil
}

func aead(k key, header []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, k.Material, header[len(header)-saltSize:], "sealift local aws", symmetricKeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the encryption key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("use the encryption key: %w", err)
	}
	return cipher.NewGCM(block)
}

// additionalData is header and the encryption context in one unambiguous form: pairs sorted by name, each text after its
// length. An absent context and an empty one are the same, as they are in AWS.
func additionalData(header []byte, context map[string]string) []byte {
	data := slices.Clone(header)
	for _, name := range slices.Sorted(maps.Keys(context)) {
		for _, text := range []string{name, context[name]} {
			data = binary.BigEndian.AppendUint32(data, uint32(len(text)))
			data = append(data, text...)
		}
	}
	return data
}

// encryptRSA returns an RSA-OAEP ciphertext that decryptRSA opens. most is the longest plaintext that k and algorithm take;
// a longer one is errTooLong.
func encryptRSA(k key, algorithm string, plaintext []byte) (blob []byte, most int, err error) {
	private, err := k.private()
	if err != nil {
		return nil, 0, err
	}
	digest := oaepHash(algorithm)
	if most = private.Size() - 2*digest.Size() - 2; len(plaintext) > most {
		return nil, most, errTooLong
	}
	blob, err = rsa.EncryptOAEP(digest, rand.Reader, &private.PublicKey, plaintext, nil)
	if err != nil {
		return nil, most, fmt.Errorf("encrypt with RSA: %w", err)
	}
	return blob, most, nil
}

func oaepHash(algorithm string) hash.Hash {
	if algorithm == algorithmOAEPSHA1 {
		return sha1.New()
	}
	return sha256.New()
}

// decryptRSA opens an RSA-OAEP ciphertext (RFC 8017 §7.1; label empty, hash and mask of one kind). It returns errOpen if
// it does not open.
func decryptRSA(k key, algorithm string, ciphertext []byte) ([]byte, error) {
	private, err := k.private()
	if err != nil {
		return nil, err
	}
	plaintext, err := rsa.DecryptOAEP(oaepHash(algorithm), nil, private, ciphertext, nil)
	if err != nil {
		return nil, errOpen
	}
	return plaintext, nil
}

// generateRSA returns a new key of bits. It takes up to seconds.
func generateRSA(bits int) (*rsa.PrivateKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("generate an RSA key: %w", err)
	}
	return private, nil
}
