//go:build unix

package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// world is a clone and a local AWS, both in folders, so that they can be copied.
type world struct {
	t     *testing.T
	dir   string
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

// openWorld opens the world in dir.
func openWorld(t *testing.T, dir string) *world {
	t.Helper()
	server, err := localaws.Open(localaws.Options{Dir: filepath.Join(dir, "aws")})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, aws: server, calls: &holder{next: server, hold: -1}}
	w.web = httptest.NewServer(w.calls)
	w.site = newSite(t, w.web.URL)
	w.site.dir = filepath.Join(dir, "clone")
	return w
}

func (w *world) close() {
	w.web.Close()
	if err := w.aws.Close(); err != nil {
		w.t.Error(err)
	}
}

// copied returns a world like the one in dir.
func copied(t *testing.T, dir string) *world {
	t.Helper()
	target := t.TempDir()
	if err := os.CopyFS(target, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return openWorld(t, target)
}

func (w *world) config() aws.Config {
	return aws.Config{Region: "us-east-2", BaseEndpoint: &w.web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// live returns the secret TOKEN as the function that the alias names opens it, and
// "" if there is no alias yet.
func (w *world) live() string {
	w.t.Helper()
	functions := awslambda.New(w.config(), awslambda.Options{})
	obs, err := functions.Observe(w.t.Context(), "hello", "live")
	if err != nil {
		w.t.Fatal(err)
	}
	if obs.Live == nil {
		return ""
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
	to := envelope.Consumer{Region: "us-east-2", Function: "hello"}
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
	return string(secrets["TOKEN"].Reveal())
}

// found returns the bundle that a reader finds in a version, by the rule of SEALIFT_BUNDLE.
func (w *world) found(functions *awslambda.Client, c plan.Configuration) []byte {
	w.t.Helper()
	where, name := c.Environment[plan.BundleVariable], "sealed-config.jwe"
	var zipped []byte
	var err error
	switch {
	case where == "":
		zipped, err = functions.Package(w.t.Context(), c)
	case !strings.HasPrefix(where, "/opt/"):
		return []byte(where)
	default:
		name = strings.TrimPrefix(where, "/opt/")
		zipped, err = w.layer(c.Layers)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	data, err := pack.ReadEntry(zipped, name, envelope.MaxBundleSize)
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

// killed runs an apply and kills it while its call at index is held. It reports
// whether there was such a call.
func (w *world) killed(index int, reply bool) bool {
	w.t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	w.calls.set(index, reply, held, end)
	defer close(end)
	cmd := w.site.command("sealift apply")
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

// TestKilledAnywhere kills the program at each of its calls of AWS, ahead of the
// call's effect and ahead of its reply, and runs it again.
func TestKilledAnywhere(t *testing.T) {
	patched := func(s site) {
		manifest := filepath.Join(s.dir, "manifests/hello.yaml")
		data, err := os.ReadFile(manifest)
		if err != nil {
			s.t.Fatal(err)
		}
		text := regexp.MustCompile(`(?m)^  package:\n    path: .*\n`).ReplaceAllString(string(data), "")
		if text == string(data) {
			s.t.Fatal("the manifest names no package")
		}
		s.write("manifests/hello.yaml", text)
	}
	delivery := func(to string, of func(site)) func(site) {
		return func(s site) {
			of(s)
			manifest := filepath.Join(s.dir, "manifests/hello.yaml")
			data, err := os.ReadFile(manifest)
			if err != nil {
				s.t.Fatal(err)
			}
			s.write("manifests/hello.yaml", string(data)+"  bundle: {delivery: "+to+"}\n")
		}
	}
	unchanged := func(site) {}
	if testing.Short() {
		t.Skip("starts hundreds of processes")
	}
	tests := []struct {
		name    string
		applied bool // whether the first state was applied
		change  func(site)
		before  string // secrets that may be live until the end
		after   string
	}{
		{"first apply", false, func(site) {}, "", "site-canary-1"},
		{"secret change", true, func(s site) {
			s.run(0, "site-canary-2", "sealift seal -f manifests/hello.yaml TOKEN")
		}, "site-canary-1", "site-canary-2"},
		{"environment only", true, func(s site) {
			manifest := filepath.Join(s.dir, "manifests/hello.yaml")
			data, err := os.ReadFile(manifest)
			if err != nil {
				s.t.Fatal(err)
			}
			s.write("manifests/hello.yaml", string(data)+"  environment: {LOG_LEVEL: debug}\n")
		}, "site-canary-1", "site-canary-1"},
		{"first apply by patching", false, patched, "", "site-canary-1"},
		{"secret change by patching", true, func(s site) {
			patched(s)
			s.run(0, "site-canary-2", "sealift seal -f manifests/hello.yaml TOKEN")
		}, "site-canary-1", "site-canary-2"},
		{"first apply in a layer", false, delivery("layer", patched), "", "site-canary-1"},
		{"first apply in a layer, with code", false, delivery("layer", unchanged), "", "site-canary-1"},
		{"first apply in the environment", false, delivery("environment", patched), "", "site-canary-1"},
		{"from a package to a layer", true, delivery("layer", patched), "site-canary-1", "site-canary-1"},
		{"from a package to the environment, with code", true, delivery("environment", unchanged), "site-canary-1", "site-canary-1"},
		{"code only", true, func(s site) { s.write("functions/hello/bootstrap", "#!/bin/sh\nexit 1\n") }, "site-canary-1", "site-canary-1"},
	}
	base := t.TempDir()
	first := openWorld(t, base)
	if err := create(lambda.NewFromConfig(first.config()), "hello", map[string]string{"FOREIGN": "kept"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(first.site.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	first.site.settle()
	first.close()
	cases := 0
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start := copied(t, base)
			if test.applied {
				start.site.run(0, "", "sealift apply")
			}
			test.change(start.site)
			start.site.run(0, "", "git add manifests functions")
			start.site.run(0, "", "git commit -q --allow-empty -m change")
			versions := start.versions()
			start.close()
			for index, reply := 0, false; ; reply = !reply {
				w := copied(t, start.dir)
				if !w.killed(index, reply) {
					w.close()
					break
				}
				cases++
				at := fmt.Sprintf("killed at call %d (%s), reply %t", index, w.calls.call(index), reply)
				if got := w.live(); !slices.Contains([]string{test.before, test.after}, got) {
					t.Errorf("%s: %q is live", at, got)
				}
				uploaded := w.count("UpdateFunctionCode")
				published := w.count("PublishLayerVersion")
				w.site.run(0, "", "sealift apply")
				if got := w.live(); got != test.after {
					t.Errorf("%s: %q is live after the next apply", at, got)
				}
				if drawn := w.count("GenerateDataKey"); (published == 1 || uploaded == 1) && drawn != 1 {
					t.Errorf("%s: %d data keys were drawn", at, drawn)
				}
				if made := w.versions() - versions; made > 2 {
					t.Errorf("%s: %d versions were published", at, made)
				}
				mutations := w.mutations()
				if out := w.site.run(0, "", "sealift apply"); !strings.Contains(out, "in sync") || w.mutations() != mutations {
					t.Errorf("%s: not in sync in the end: %s", at, out)
				}
				w.close()
				if reply {
					index++
				}
			}
		})
	}
	t.Logf("survival: kills at a call of AWS, then applied again: %d cases", cases)
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
