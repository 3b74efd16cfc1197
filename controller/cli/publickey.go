package cli

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
)

const (
	pemType = "PUBLIC KEY"
	// maxPEM is the largest PEM file that is read, in bytes; RSA 4096 takes 800.
	maxPEM = 64 << 10
)

// encodePublicKey returns the PEM of a key's SubjectPublicKeyInfo (RFC 7468 §13).
func encodePublicKey(public *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// parsePublicKey reads a PEM file that holds one RSA public key of 3072 or 4096
// bits, and nothing else.
func parsePublicKey(data []byte) (*rsa.PublicKey, error) {
	data = bytes.TrimSpace(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	block, rest := pem.Decode(data)
	if block == nil || len(rest) > 0 || len(block.Headers) > 0 || block.Type != pemType || !bytes.HasPrefix(data, []byte("-----BEGIN "+pemType)) {
		return nil, errors.New("not exactly one PEM block of the type " + pemType)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, isRSA := parsed.(*rsa.PublicKey)
	if err != nil || !isRSA {
		return nil, errors.New("not an RSA public key")
	}
	if _, err := envelope.PublicKeyDigest(public); err != nil {
		return nil, err
	}
	return public, nil
}

// publicKeyOf reads the PEM file that settings name for a sealing key. settingsFile
// is their file in root. Its errors are complete but for the settings' own place.
func publicKeyOf(root fs.FS, settingsFile string, key controller.SealingKey) (*rsa.PublicKey, error) {
	data, err := controller.ReadStart(root, path.Join(path.Dir(settingsFile), key.PublicKey), maxPEM)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no file %s", key.PublicKey)
	case err != nil:
		var atPath *fs.PathError
		if errors.As(err, &atPath) {
			err = atPath.Err
		}
		return nil, fmt.Errorf("read %s: %w", key.PublicKey, err)
	}
	public, err := parsePublicKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key.PublicKey, err)
	}
	return public, nil
}
