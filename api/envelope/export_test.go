package envelope

import "bytes"

// EncryptRaw encrypts under the given initialisation vector; the additional data
// is the base64url of header.
func EncryptRaw(header, iv, contentKey, plaintext []byte) (ciphertext, tag []byte, err error) {
	c, err := encrypt(bytes.NewReader(iv), header, nil, contentKey, plaintext)
	return c.ciphertext, c.tag, err
}

// DecryptRaw decrypts parts of any size, which the parsers would not let in.
func DecryptRaw(protected string, iv, ciphertext, tag, contentKey []byte) ([]byte, error) {
	return compact{protected: protected, iv: iv, ciphertext: ciphertext, tag: tag}.decrypt(contentKey)
}

// CanonicalText returns the RFC 8785 serialisation of a string.
func CanonicalText(s string) string {
	var c canonical
	c.text(s)
	return c.String()
}

// EncodePayload and DecodePayload are the payload of bundles.
func EncodePayload(values map[string]Secret) []byte { return encodePayload(values) }

func DecodePayload(data []byte) (map[string]Secret, error) { return decodePayload(data) }

// Derive is the HKDF that bundles use.
func Derive(secret, salt []byte, info string, size int) ([]byte, error) {
	return derive(secret, salt, info, size)
}

// DecodeBase64 decodes canonical base64url.
func DecodeBase64(s string) ([]byte, error) { return decodeBase64(s) }
