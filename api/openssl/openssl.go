// Package openssl reads the files that people encrypt by hand for a function, with a KMS
// data key and the openssl program:
//
//	openssl enc -aes-256-ctr -nosalt -a -in hello.json -out hello.json.enc -pass file:./key
//
// where key holds the data key in base64. The format has no integrity: whoever can change
// the file can change the text, bit by bit. It uses the standard library alone.
package openssl

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"
)

// DataKeySize is the size of a data key, in bytes.
const DataKeySize = 32

var (
	// ErrFormat says that a file is not base64.
	ErrFormat = errors.New("not a file of openssl enc -a: not base64")
	// ErrOpen says that a data key does not open a file to a JSON object, whichever
	// derivation is tried.
	ErrOpen = errors.New("does not open with that data key")
)

// Derivation is how key and initialisation vector were made from the password.
type Derivation struct {
	// Digest is that of EVP_BytesToKey: MD5 of Node's createDecipher and of openssl before
	// 1.1.0, SHA256 of openssl since then (https://docs.openssl.org/3.0/man1/openssl-enc/).
	Digest Digest
	// LineEnd is what of the key file's line end was part of the password. openssl drops a
	// line feed, and a carriage return stays.
	LineEnd string
}

// Digest is a hash function of EVP_BytesToKey.
type Digest string

// The digests that are tried.
const (
	MD5    Digest = "MD5"
	SHA256 Digest = "SHA-256"
)

// appendSum appends the digest of data to b, and leaves no other copy of it.
func (d Digest) appendSum(b, data []byte) []byte {
	if d == MD5 {
		sum := md5.Sum(data)
		defer clear(sum[:])
		return append(b, sum[:]...)
	}
	sum := sha256.Sum256(data)
	defer clear(sum[:])
	return append(b, sum[:]...)
}

// Open decrypts a file with the data key that it was made with. The derivation is found by
// trying: the first one that gives a JSON object is it. The caller wipes the plaintext.
// Errors are ErrFormat and ErrOpen.
func Open(file, dataKey []byte) ([]byte, Derivation, error) {
	ciphertext, err := decode(file)
	if err != nil {
		return nil, Derivation{}, err
	}
	plaintext := make([]byte, len(ciphertext))
	for _, digest := range []Digest{MD5, SHA256} {
		for _, lineEnd := range []string{"", "\r", "\n", "\r\n"} {
			d := Derivation{Digest: digest, LineEnd: lineEnd}
			stream, err := d.stream(dataKey)
			if err != nil {
				return nil, Derivation{}, err
			}
			stream.XORKeyStream(plaintext, ciphertext)
			if isObject(plaintext) {
				return plaintext, d, nil
			}
		}
	}
	clear(plaintext)
	return nil, Derivation{}, ErrOpen
}

// decode reads base64 in lines.
func decode(file []byte) ([]byte, error) {
	text := slices.DeleteFunc(slices.Clone(file), func(c byte) bool { return c == '\n' || c == '\r' })
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(data, text)
	if err != nil || n == 0 {
		return nil, ErrFormat
	}
	return data[:n], nil
}

// stream returns the key stream of AES-256-CTR for a data key.
func (d Derivation) stream(dataKey []byte) (cipher.Stream, error) {
	password := append(base64.StdEncoding.AppendEncode(nil, dataKey), d.LineEnd...)
	defer clear(password)
	material := bytesToKey(d.Digest, password, 32+aes.BlockSize)
	defer clear(material)
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		return nil, err
	}
	return cipher.NewCTR(block, material[32:]), nil
}

// bytesToKey is EVP_BytesToKey without a salt, and with one iteration
// (https://docs.openssl.org/3.0/man3/EVP_BytesToKey/): each block is the digest of the one
// before and the password. The caller wipes what it returns, of which no part is left elsewhere.
func bytesToKey(digest Digest, password []byte, size int) []byte {
	material := make([]byte, 0, size+sha256.Size) // never grown: that would leave a copy
	input := make([]byte, 0, sha256.Size+len(password))
	defer func() { clear(input[:cap(input)]) }()
	for input = append(input, password...); len(material) < size; {
		before := len(material)
		material = digest.appendSum(material, input)
		input = append(append(input[:0], material[before:]...), password...)
	}
	clear(material[size:])
	return material[:size]
}

func isObject(text []byte) bool {
	return utf8.Valid(text) && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) && json.Valid(text)
}
