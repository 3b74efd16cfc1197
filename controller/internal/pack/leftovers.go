package pack

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf16"
)

const (
	// maxAnswer is the longest file that is read as an answer of KMS, in bytes: one with a data key has a few hundred.
	maxAnswer = 16 << 10

	// maxPEM is how much of a PEM file is looked at, in bytes.
	maxPEM = 1 << 20
)

// Leftovers returns the files of tree that a package of it would take along though they hold, by their names or by what is
// in them, secrets in plain text: what making an encrypted file by hand leaves behind. They are sorted by path, and each
// cause says what to do. Exclude is that of [Build], and allow holds patterns of the same kind for files that may be there.
//
// Added are the paths of files that are put into the package: what is plain text beside one of the tree is so beside
// one of these.
//
// It is a net and no proof, and is kept cheap: of most files it reads nothing, and of none more than [Build] does. The
// same tree and patterns give the same answer.
func Leftovers(tree fs.FS, exclude, allow []string, added ...string) ([]Error, error) {
	return findLeftovers(tree, exclude, allow, added, "delete it, or add %[1]q to spec.package.exclude, or to spec.package.allow if it is no secret")
}

// findLeftovers is Leftovers with what to do, in which %[1]q is the pattern for a file.
func findLeftovers(tree fs.FS, exclude, allow, added []string, fix string) ([]Error, error) {
	excluded, err := parsePatterns("exclude", exclude)
	if err != nil {
		return nil, err
	}
	allowed, err := parsePatterns("allow", allow)
	if err != nil {
		return nil, err
	}
	l := leftovers{
		tree:     tree,
		fix:      fix,
		beside:   make(map[string]bool),
		unread:   MaxUnzipped,
		excluded: exclusions{patterns: excluded, left: maxSteps},
		allowed:  exclusions{patterns: allowed, left: maxSteps},
	}
	l.note(added)
	err = fs.WalkDir(tree, ".", l.visit)
	return l.found, err
}

// leftovers is a walk that looks for them.
type leftovers struct {
	tree              fs.FS
	fix               string          // for the pattern of a file
	beside            map[string]bool // paths of files with ".enc" behind their names
	excluded, allowed exclusions
	files             int   // that were not skipped
	unread            int64 // how many bytes may still be read
	found             []Error
}

// note remembers which of the paths have an encrypted form.
func (l *leftovers) note(paths []string) {
	for _, name := range paths {
		if plain, encrypted := strings.CutSuffix(name, ".enc"); encrypted {
			l.beside[plain] = true
		}
	}
}

// list notes what is in a folder, also what is excluded from the package.
func (l *leftovers) list(dir string) error {
	entries, err := fs.ReadDir(l.tree, dir)
	for _, entry := range entries {
		l.note([]string{path.Join(dir, entry.Name())})
	}
	return err
}

func (l *leftovers) visit(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if name == "." {
		return l.list(name)
	}
	folder := looksLikeFolder(d)
	skip := l.excluded.excludes(name, folder) || l.allowed.excludes(name, folder)
	switch {
	case l.excluded.left < 0 || l.allowed.left < 0:
		return errors.New("the exclude and allow patterns take too long to match; use fewer or simpler ones")
	case skip && d.IsDir():
		return fs.SkipDir
	case d.IsDir():
		return l.list(name)
	case skip, !d.Type().IsRegular():
		return nil
	}
	if l.files++; l.files > MaxEntries {
		return fmt.Errorf("the package has more than %d files; exclude some", MaxEntries)
	}
	what, err := l.secret(name, d)
	if err != nil {
		return fmt.Errorf("look for secrets in %s: %w", printable(name), err)
	}
	if what != "" {
		l.found = append(l.found, Error{Path: printable(name), Cause: what + ", which a package must not take along; " + fmt.Sprintf(l.fix, Pattern(name))})
	}
	return nil
}

// secret says what kind of secret a file holds, "" for none.
func (l *leftovers) secret(name string, d fs.DirEntry) (string, error) {
	base := path.Base(name)
	switch {
	case base == "key":
		return "by its name a data key in plain text", nil
	case strings.HasSuffix(base, ".plain"):
		return "by its name plain text that is encrypted elsewhere", nil
	case isEnvFile(base):
		return "by its name a file of environment variables", nil
	}
	if l.beside[name] {
		return "the plain text of " + printable(base) + ".enc beside it", nil
	}
	switch path.Ext(base) {
	case ".pem", ".key":
		data, err := l.read(name, maxPEM)
		if err == nil && bytes.Contains(asUTF8(data), []byte("PRIVATE KEY-----")) {
			return "a private key", nil
		}
		return "", err
	case ".json", ".txt", "":
		return l.answer(name, d)
	}
	return "", nil
}

// isEnvFile reports whether a file is .env or one of its kind, but for the samples that are made to be shared.
func isEnvFile(base string) bool {
	if !strings.HasPrefix(base, ".env") {
		return false
	}
	for _, sample := range []string{".example", ".sample", ".template", ".dist"} {
		if strings.HasSuffix(base, sample) {
			return false
		}
	}
	return true
}

// answer looks for what `aws kms generate-data-key` and `aws kms decrypt` print.
func (l *leftovers) answer(name string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil || info.Size() > maxAnswer {
		return "", err
	}
	data, err := l.read(name, maxAnswer)
	data = asUTF8(data)
	if err != nil || !bytes.Contains(data, []byte("Plaintext")) {
		return "", err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return "", nil
	}
	_, plain := members["Plaintext"]
	_, wrapped := members["CiphertextBlob"]
	_, key := members["KeyId"]
	if plain && (wrapped || key) {
		return "an answer of KMS with a key in plain text", nil
	}
	return "", nil
}

// asUTF8 returns a text as UTF-8 without a byte order mark. What a program prints is UTF-16 after a ">" of Windows
// PowerShell. UTF-16 without a mark is known by the zero byte that an ASCII character, with which an answer and a PEM
// file begin, has there.
func asUTF8(text []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(text, []byte("\xEF\xBB\xBF")):
		return text[3:]
	case len(text) < 2:
		return text
	case text[0] == 0xFE && text[1] == 0xFF, text[0] == 0 && text[1] != 0:
		order = binary.BigEndian
	case text[0] == 0xFF && text[1] == 0xFE, text[0] != 0 && text[1] == 0:
	default:
		return text
	}
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	return []byte(strings.TrimPrefix(string(utf16.Decode(units)), "\uFEFF"))
}

// Excludes reports whether exclude patterns keep the file of that path out of a package, itself or with a folder that it
// is in.
func Excludes(exclude []string, name string) (bool, error) {
	patterns, err := parsePatterns("exclude", exclude)
	if err != nil {
		return false, err
	}
	e := exclusions{patterns: patterns, left: maxSteps}
	for at, c := range name {
		if c == '/' && e.excludes(name[:at], true) {
			return true, nil
		}
	}
	return e.excludes(name, false), nil
}

// read returns the first bytes of a file, at most so many. It is over when more was read than a package holds.
func (l *leftovers) read(name string, most int64) ([]byte, error) {
	file, err := l.tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most))
	if l.unread -= int64(len(data)); l.unread < 0 {
		return nil, fmt.Errorf("with it, the package's files have over %d bytes, more than Lambda unpacks (250 MB); exclude some", MaxUnzipped)
	}
	return data, err
}

// Pattern returns the gitignore pattern that matches the file of that path alone.
func Pattern(name string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
	if end := len(escaped) - 1; end >= 0 && escaped[end] == ' ' {
		escaped = escaped[:end] + `\ `
	}
	return "/" + escaped
}
