package cli

import (
	"context"
	"crypto/rand"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// WriteInitial writes files as init does; none of them is there yet.
func WriteInitial(names ...string) ([]string, error) {
	var files []initialFile
	for _, name := range names {
		files = append(files, initialFile{name: name, data: []byte(name), same: func([]byte) bool { return false }})
	}
	return writeInitial(files)
}

// CheckKeys is what verify and the push hook check keys with.
func CheckKeys(root fs.FS, manifests []v1alpha1.File, trusted []string) (v1alpha1.Errors, int) {
	return checkKeys(root, manifests, trusted)
}

// ParseJSONValues reads many values, and reveals them.
func ParseJSONValues(data []byte) (map[string]string, error) { return revealed(parseJSONValues(data)) }

// ParseEnvValues is as ParseJSONValues.
func ParseEnvValues(data []byte) (map[string]string, error) { return revealed(parseEnvValues(data)) }

func revealed(values namedValues, err error) (map[string]string, error) {
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(values))
	for name, value := range values {
		texts[name] = string(value.Reveal())
	}
	return texts, nil
}

// VersionText is what version prints.
func VersionText(info *debug.BuildInfo, format string) (string, error) {
	var b strings.Builder
	err := printVersion(&b, versionOf(info), format)
	return b.String(), err
}

// AWSConfig is what commands call AWS with, for --region us-east-2; onCall is told of
// the calls.
func AWSConfig(ctx context.Context, onCall func(service, operation, code string, took time.Duration)) (aws.Config, error) {
	a := &app{now: time.Now, onCall: onCall}
	return a.awsConfig(ctx, "us-east-2")
}

// RenderValues writes values as edit shows them, below a head.
func RenderValues(head string, values map[string]string) (string, error) {
	named := make(namedValues)
	for name, value := range values {
		named[name] = envelope.NewSecret([]byte(value))
	}
	text, err := renderValues(head, named)
	return string(text), err
}

// ParseEdited reads what was edited, and reveals it.
func ParseEdited(file string, data []byte) (map[string]string, error) {
	return revealed(parseEdited(file, data))
}

// SplitWords splits the command of an editor.
func SplitWords(command string) ([]string, error) { return splitWords(command) }

// EditorCommand returns the words with which the editor that the variables name is
// started to edit in folder, and what is added to its environment.
func EditorCommand(getenv func(string) string, folder string) (words, env []string, err error) {
	e, err := findEditor(getenv)
	if err != nil {
		return nil, nil, err
	}
	e = e.confined(folder)
	return append([]string{e.path}, e.args...), e.env, nil
}

// MainIn is Main with other folders that may be in memory.
func MainIn(ctx context.Context, folders, args []string, std Streams) int {
	a := &app{Streams: std, now: time.Now, rand: rand.Reader, log: slog.New(slog.DiscardHandler), memory: folders}
	return a.main(ctx, args)
}

// MemoryPlaces returns those of the folders that may be edited in.
func MemoryPlaces(folders ...string) (names []string) {
	places := memoryPlaces(folders)
	defer closePlaces(places)
	for _, p := range places {
		names = append(names, p.name)
	}
	return names
}

// CheckPlace says why a folder may not be edited in.
func CheckPlace(name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	return checkPlace(name, root)
}

// Scratch makes a folder to edit in, with a file that holds data, and returns its name
// and what removes it.
func Scratch(folder string, data []byte) (name string, remove func() error, err error) {
	s, err := newScratch(rand.Reader, memoryPlaces([]string{folder}))
	if err != nil {
		return "", nil, err
	}
	return s.path(""), s.remove, s.write(data)
}

// Sweep removes what killed edits left in the folders.
func Sweep(folders ...string) (int, error) {
	places := memoryPlaces(folders)
	defer closePlaces(places)
	return sweep(places)
}

// ServeOn serves on listener while work is done, as run does.
func ServeOn(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, work func(context.Context) error) error {
	return serveOn(ctx, listener, handler, log, func(ctx context.Context, _ string) error { return work(ctx) })
}

// DeployerOf names the tool that a function's tags tell of.
func DeployerOf(tags map[string]string) string { return deployerOf(tags) }

// KeepOut writes a manifest that was read as before, with plain text files kept out.
func KeepOut(file string, before []byte, plain ...string) ([]string, error) {
	m, err := openManifest(file, manifestFlags{given: func(string) bool { return false }})
	if err != nil {
		return nil, err
	}
	m.before = before
	return keepOut(m, plain)
}

// ImportLeftovers returns what import finds in a folder beside what is encrypted.
func ImportLeftovers(root fs.FS, folder string) (plain, notes []string) {
	var from imported
	from.addLeftovers(root, folder)
	return from.plain, from.notes
}

// ReadUpdates reads a receive hook's standard input, and returns new ids and refs.
func ReadUpdates(in io.Reader) (pairs [][2]string, err error) {
	updates, err := readUpdates(in)
	for _, u := range updates {
		pairs = append(pairs, [2]string{u.new, u.ref})
	}
	return pairs, err
}

// WrappedKey reads the data key of a config.json.
func WrappedKey(root fs.FS) ([]byte, error) { return wrappedKey(root, "config.json") }

// Progress is what tells how far many applies are, with a look whenever the test wants one.
type Progress struct{ *progress }

// ProgressOn starts a Progress for n configs on stderr.
func ProgressOn(stderr io.Writer, now func() time.Time, n int) Progress {
	a := &app{Streams: Streams{Err: stderr}, now: now, log: slog.New(slog.DiscardHandler), logFormat: "text"}
	return Progress{a.startProgress(n)}
}

// Begin, End, Tick and Stop are those of the progress.
func (p Progress) Begin()                       { p.begin() }
func (p Progress) End(config string, err error) { p.end(config, err) }
func (p Progress) Tick()                        { p.tick() }
func (p Progress) Stop()                        { p.stop() }
