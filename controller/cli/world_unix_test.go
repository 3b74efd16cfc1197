//go:build unix

package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// world is a clone and a local AWS, both in folders, so that they can be copied, and the
// program as it is built.
type world struct {
	t     *testing.T
	dir   string
	bin   string
	aws   *localaws.Server
	web   *httptest.Server
	site  site
	calls *holder
}

// holder passes calls on, and holds one of them, for ever: ahead of its effect, or
// between its effect and its reply.
type holder struct {
	next http.Handler

	mu    sync.Mutex
	seen  []string
	hold  int // index of the call; -1 for none
	reply bool
	held  chan struct{}
	end   chan struct{}
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	index := len(h.seen)
	h.seen = append(h.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Amz-Target")))
	holding, reply, held, end := index == h.hold, h.reply, h.held, h.end
	h.mu.Unlock()
	if !holding {
		h.next.ServeHTTP(w, r)
		return
	}
	if reply {
		h.next.ServeHTTP(httptest.NewRecorder(), r)
	}
	close(held)
	<-end
	panic(http.ErrAbortHandler)
}

// set says which call is held, -1 for none.
func (h *holder) set(index int, reply bool, held, end chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hold, h.reply, h.held, h.end = index, reply, held, end
}

// call names a call that came in.
func (h *holder) call(index int) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen[index]
}

// buildProgram builds the program as users have it, and returns its folder. It starts in a
// third of the time of the test binary, which the race detector slows down.
func buildProgram(t *testing.T) (bin string) {
	t.Helper()
	bin = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-race=false", "-buildvcs=false", "-o", filepath.Join(bin, "sealift"), "sealift.dev/sealift")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// withProgram returns s with the program of a folder.
func (s site) withProgram(bin string) site {
	s.bin = bin
	return s
}

// openWorld opens the world in dir.
func openWorld(t *testing.T, dir, bin string) *world {
	t.Helper()
	server, err := localaws.Open(localaws.Options{Dir: filepath.Join(dir, "aws")})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, bin: bin, aws: server, calls: &holder{next: server, hold: -1}}
	w.web = httptest.NewServer(seen(t, w.calls))
	w.site = newSite(t, w.web.URL).withProgram(bin)
	w.site.dir = filepath.Join(dir, "clone")
	recordFolder(t, dir)
	return w
}

// settle makes functions, and the clone with a commit that was not applied.
func (w *world) settle(functions ...string) {
	w.t.Helper()
	for _, name := range functions {
		if err := create(lambda.NewFromConfig(w.config()), name, map[string]string{"FOREIGN": "kept"}); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Mkdir(w.site.dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	w.site.settle()
}

func (w *world) close() {
	w.web.Close()
	if err := w.aws.Close(); err != nil {
		w.t.Error(err)
	}
}

// copied returns a world like w, which is closed.
func (w *world) copied(t *testing.T) *world {
	t.Helper()
	target := t.TempDir()
	if err := os.CopyFS(target, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return openWorld(t, target, w.bin)
}

func (w *world) config() aws.Config {
	return aws.Config{Region: "us-east-2", BaseEndpoint: &w.web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// live returns the secret TOKEN as what the alias of a function names opens it, and the id
// of the bundle that it is in; "" if there is no alias yet.
func (w *world) live(function string) (token, bundleID string) {
	w.t.Helper()
	functions := awslambda.New(w.config(), awslambda.Options{})
	obs, err := functions.Observe(w.t.Context(), function, "live")
	if err != nil {
		w.t.Fatal(err)
	}
	if obs.Live == nil {
		return "", ""
	}
	m, err := plan.ParseMarker(obs.Live.Environment[plan.MarkerVariable])
	if err != nil || m.CodeSHA256 != obs.Live.CodeSHA256 {
		w.t.Errorf("the live version's environment is of another package: %v", err)
	}
	data := w.found(functions, *obs.Live)
	bundle, err := envelope.ParseBundle(data)
	if err != nil {
		w.t.Fatal(err)
	}
	to := envelope.Consumer{Region: "us-east-2", Function: function}
	key, err := kms.NewFromConfig(w.config()).Decrypt(w.t.Context(), &kms.DecryptInput{
		KeyId: aws.String(bundle.KeyID()), CiphertextBlob: bundle.WrappedKey(), EncryptionContext: to.EncryptionContext(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	secrets, err := bundle.Open(to, key.Plaintext)
	if err != nil {
		w.t.Fatalf("what is live does not open: %v", err)
	}
	return string(secrets["TOKEN"].Reveal()), bundle.ID()
}

// found returns the bundle that a reader finds in a version, by the rule of SEALIFT_BUNDLE.
func (w *world) found(functions *awslambda.Client, c plan.Configuration) []byte {
	w.t.Helper()
	where, name := c.Environment[plan.BundleVariable], "sealed-config.jwe"
	var zipped []byte
	var err error
	switch {
	case where == "":
		var taken bytes.Buffer
		err = functions.Package(w.t.Context(), c, &taken, pack.MaxZipped)
		zipped = taken.Bytes()
	case !strings.HasPrefix(where, "/opt/"):
		return []byte(where)
	default:
		name = strings.TrimPrefix(where, "/opt/")
		zipped, err = w.layer(c.Layers)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	data, err := pack.ReadEntry(bytes.NewReader(zipped), name, envelope.MaxBundleSize)
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// layer downloads the one layer of a function.
func (w *world) layer(layers []plan.Layer) ([]byte, error) {
	if len(layers) != 1 {
		return nil, fmt.Errorf("%d layers", len(layers))
	}
	out, err := lambda.NewFromConfig(w.config()).GetLayerVersionByArn(w.t.Context(), &lambda.GetLayerVersionByArnInput{Arn: &layers[0].ARN})
	if err != nil {
		return nil, err
	}
	resp, err := http.Get(*out.Content.Location)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// count counts successful calls of an operation.
func (w *world) count(operation string) int {
	n := 0
	for _, c := range w.aws.Calls() {
		if c.Operation == operation && c.Code == "" {
			n++
		}
	}
	return n
}

// versions returns how many versions are published.
func (w *world) versions() int {
	w.t.Helper()
	out, err := lambda.NewFromConfig(w.config()).ListVersionsByFunction(w.t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("hello")})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(out.Versions) - 1 // without $LATEST
}

// killed runs a command and kills it while its call at index is held. It reports whether
// there was such a call.
func (w *world) killed(command string, index int, reply bool) bool {
	w.t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	w.calls.set(index, reply, held, end)
	defer close(end)
	cmd := w.site.command(command)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	select {
	case <-held:
	case err := <-exited:
		if err != nil {
			w.t.Fatal(err)
		}
		return false
	}
	if err := cmd.Process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	<-exited
	w.calls.set(-1, false, nil, nil)
	return true
}

func (w *world) mutations() int {
	n := 0
	for _, c := range w.aws.Calls() {
		if c.Mutating {
			n++
		}
	}
	return n
}
