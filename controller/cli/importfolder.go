package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/openssl"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/pack"
)

const (
	// configFile holds the wrapped data key of the files beside it.
	configFile = "config.json"
	// maxConfigFile is the largest one that is read, in bytes.
	maxConfigFile = 1 << 20
	// maxWrapped is the longest ciphertext that KMS takes, in bytes
	// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html).
	maxWrapped = 6144
	// maxEncrypted is the largest encrypted file that is read, in bytes: base64 in lines
	// of what a manifest holds.
	maxEncrypted = 2 * maxValues
	// encryptedSuffix ends the names of encrypted files.
	encryptedSuffix = ".json.enc"
)

// readFolder reads the files that somebody encrypted by hand for a function.
func (a *app) readFolder(ctx context.Context, folder, region string) (from imported, err error) {
	root := os.DirFS(folder)
	names, err := fs.Glob(root, "*"+encryptedSuffix)
	if err == nil && len(names) == 0 {
		err = hint(fmt.Errorf("%s has no *%s", printable(folder), encryptedSuffix), "name the folder with %s and what was encrypted by hand", configFile)
	}
	if err != nil {
		return from, err
	}
	config := filepath.Join(folder, configFile)
	wrapped, err := wrappedKey(root, config)
	if err != nil {
		return from, err
	}
	cfg, err := a.awsConfig(ctx, region)
	if err != nil {
		return from, err
	}
	dataKey, keyARN, err := a.keysIn(cfg).DecryptDataKey(ctx, cfg.Region, wrapped)
	defer clear(dataKey)
	switch {
	case ctx.Err() != nil:
		return from, ctx.Err()
	case errors.Is(err, envelope.ErrOpen):
		return from, hint(fmt.Errorf("kmsDataKey of %s does not open in %s: it is of another region, or was not drawn without an encryption context", printable(config), cfg.Region),
			"name the region of its KMS key with --region")
	case err != nil:
		return from, fmt.Errorf("kmsDataKey of %s: %w", printable(config), err)
	case len(dataKey) != openssl.DataKeySize:
		return from, fmt.Errorf("kmsDataKey of %s: a key of %d bytes, not of %d (AES_256)", printable(config), len(dataKey), openssl.DataKeySize)
	}
	from.found = []string{fmt.Sprintf("the data key in %s, of the KMS key %s", config, keyARN)}
	from.values = make(namedValues)
	for _, name := range names {
		if err := from.addEncrypted(root, folder, name, dataKey); err != nil {
			return from, err
		}
	}
	from.later = append(from.later, config+", or kmsDataKey in it if it holds more")
	from.addLeftovers(root, folder)
	return from, nil
}

// wrappedKey reads the wrapped data key. Of members of one name the last counts, as it
// does for JSON.parse.
func wrappedKey(root fs.FS, shown string) ([]byte, error) {
	const member = "kmsDataKey"
	data, err := controller.ReadStart(root, configFile, maxConfigFile)
	if err != nil {
		return nil, fmt.Errorf("read the data key: %w", err)
	}
	var members map[string]json.RawMessage
	var text string
	switch {
	case len(data) > maxConfigFile:
		return nil, fmt.Errorf("%s: over %d bytes", printable(shown), maxConfigFile)
	case json.Unmarshal(data, &members) != nil:
		return nil, fmt.Errorf("%s: not a JSON object", printable(shown))
	case json.Unmarshal(members[member], &text) != nil || text == "":
		return nil, hint(fmt.Errorf("%s: no text as %s", printable(shown), member), "it holds the CiphertextBlob of `aws kms generate-data-key`")
	}
	wrapped, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(wrapped) > maxWrapped {
		return nil, fmt.Errorf("%s: %s is not the base64 of a KMS ciphertext of at most %d bytes", printable(shown), member, maxWrapped)
	}
	return wrapped, nil
}

// addEncrypted takes in the values of one encrypted file, and compares those of the plain
// one beside it.
func (from *imported) addEncrypted(root fs.FS, folder, name string, dataKey []byte) error {
	file := filepath.Join(folder, name)
	data, err := controller.ReadStart(root, name, maxEncrypted)
	switch {
	case err != nil:
		return fmt.Errorf("read the values: %w", err)
	case len(data) > maxEncrypted:
		return v1alpha1.Error{File: file, Cause: fmt.Sprintf("over %d bytes, more than a manifest holds", maxEncrypted)}
	}
	plaintext, how, err := openssl.Open(data, dataKey)
	if err != nil {
		return hint(fmt.Errorf("%s: %w", printable(file), err), "it has to be one JSON object, encrypted under the data key of %s with: openssl enc -aes-256-ctr -nosalt -a", configFile)
	}
	defer clear(plaintext)
	values, err := parseJSONValues(plaintext)
	var fault v1alpha1.Error
	if errors.As(err, &fault) {
		fault.File = file + ", decrypted"
		return hint(fault, "a bundle holds names with texts alone; make it so in a JSON file, change the code to match, and: sealift import --from-json")
	}
	if err != nil {
		return err
	}
	from.found = append(from.found, fmt.Sprintf("%s in %s (%s)", count(len(values), "value"), file, derivationText(how)))
	from.later = append(from.later, file)
	from.compare(root, folder, strings.TrimSuffix(name, ".enc"), values)
	for name, value := range values {
		if _, twice := from.values[name]; twice {
			err = fmt.Errorf("%s: %s is in another *%s of that folder, too", printable(file), name, encryptedSuffix)
			value.Wipe()
			continue
		}
		from.values[name] = value
	}
	return err
}

func derivationText(d openssl.Derivation) string {
	text := "MD5, as Node's createDecipher has it"
	if d.Digest != openssl.MD5 {
		text = "SHA-256, of openssl 1.1 or later, which Node's createDecipher does not open"
	}
	if d.LineEnd != "" {
		text += fmt.Sprintf("; with the line end %q in the password", d.LineEnd)
	}
	return text
}

// compare says what a plain text file has that the encrypted one has not. The encrypted
// one is what the function reads, and counts.
func (from *imported) compare(root fs.FS, folder, name string, values namedValues) {
	data, err := controller.ReadStart(root, name, maxValues)
	defer clear(data)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	file := filepath.Join(folder, name)
	from.plain = append(from.plain, file)
	var plain namedValues
	if err == nil {
		plain, err = parseJSONValues(data)
	}
	defer plain.wipe()
	if err != nil {
		from.found = append(from.found, file+", which is not what was encrypted: it can't be read as an object of strings")
		return
	}
	differ := differing(values, plain)
	if len(differ) == 0 {
		from.found = append(from.found, file+" in plain text, with the same values")
		return
	}
	from.found = append(from.found, fmt.Sprintf("%s in plain text, which differs in %s; what was encrypted was taken", file, strings.Join(differ, ", ")))
}

// differing returns the names, sorted, that have not one value in both.
func differing(a, b namedValues) (names []string) {
	both := maps.Clone(a)
	maps.Copy(both, b)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		one, inA := a[name]
		other, inB := b[name]
		if !inA || !inB || !bytes.Equal(one.Reveal(), other.Reveal()) {
			names = append(names, name)
		}
	}
	return names
}

// addLeftovers lists what else the procedure leaves in the folder itself. Where that can't
// be looked at to the end, it says so: the values are sealed for all that.
func (from *imported) addLeftovers(root fs.FS, folder string) {
	found, err := pack.Leftovers(filesOnly{root}, nil, nil)
	for _, one := range found {
		if file := filepath.Join(folder, filepath.FromSlash(one.Path)); !slices.Contains(from.plain, file) {
			from.plain = append(from.plain, file)
		}
	}
	if err != nil {
		from.notes = append(from.notes, fmt.Sprintf("%s was not searched to its end for other plain text: %v", folder, err))
	}
}

// filesOnly is a folder without those in it.
type filesOnly struct{ fs.FS }

// ReadDir returns what of the folder is no folder.
func (f filesOnly) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, fs.DirEntry.IsDir), err
}
