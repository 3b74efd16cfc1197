package runtime_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

// TestMain is also the Go function: its bootstrap executes the test binary, as Lambda would execute a Go program.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("TEST_HOLD") != "":
		holdConnection(os.Getenv("TEST_HOLD"))
	case os.Getenv("AWS_LAMBDA_RUNTIME_API") != "":
		serveFunction()
	default:
		os.Exit(m.Run())
	}
}

// requireTool skips the test when a program is missing, unless SEALIFT_TEST_REQUIRE says that it must be there.
func requireTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if required(name) {
		t.Fatalf("%s is required and missing", name)
	}
	t.Skipf("%s is missing", name)
	return ""
}

func required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("SEALIFT_TEST_REQUIRE"), ","), name)
}

// start makes Runtimes that are closed, and must leave nothing in their folder, at the end of the test.
func start(t *testing.T, o runtime.Options) *runtime.Runtimes {
	t.Helper()
	o.Dir = t.TempDir()
	r := runtime.New(o)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
			t.Errorf("left in the scratch folder: %v, %v", left, err)
		}
	})
	return r
}

// file is an entry of a package; without a mode it is 0644.
type file struct {
	name, content string
	mode          os.FileMode
}

func pack(t *testing.T, files ...file) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if len(f.content) > 1<<20 {
			header.Method = zip.Store // deflating a program under -race takes long
		}
		if f.mode == 0 {
			f.mode = 0o644
		}
		header.SetMode(f.mode)
		entry, err := w.CreateHeader(header)
		if err == nil {
			_, err = entry.Write([]byte(f.content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func function(code []byte) runtime.Function {
	sum := sha256.Sum256(code)
	return runtime.Function{
		Name:         "hello",
		Version:      "$LATEST",
		ARN:          "arn:aws:lambda:us-east-2:000000000000:function:hello",
		Runtime:      "provided.al2023",
		Handler:      "bootstrap",
		Architecture: "x86_64",
		Region:       "us-east-2",
		AccountID:    "000000000000",
		CodeSHA256:   base64.StdEncoding.EncodeToString(sum[:]),
		Code:         code,
	}
}

// goFunction runs serveFunction.
func goFunction(t *testing.T) runtime.Function {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fn := function(pack(t, file{name: "bootstrap", content: "#!/bin/sh\nexec '" + self + "'\n", mode: 0o755}))
	fn.Timeout = minute
	return fn
}

func nodeFunction(t *testing.T, version string, files ...file) runtime.Function {
	t.Helper()
	requireTool(t, "node")
	fn := function(pack(t, files...))
	fn.Runtime, fn.Handler, fn.Timeout = version, "index.handler", minute
	return fn
}

func invoke(t *testing.T, r *runtime.Runtimes, fn runtime.Function, event string) runtime.Result {
	t.Helper()
	result, err := r.Invoke(context.Background(), fn, []byte(event))
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	return result
}

// answer is the payload of an invocation of goFunction that must succeed.
func answer(t *testing.T, result runtime.Result) (got reply) {
	t.Helper()
	if result.FunctionError != "" {
		t.Fatalf("FunctionError %s: %s\n%s", result.FunctionError, result.Payload, result.LogTail)
	}
	if err := json.Unmarshal(result.Payload, &got); err != nil {
		t.Fatalf("payload %q: %v", result.Payload, err)
	}
	return got
}

// hall is a server where functions report and wait until they are let go.
type hall struct {
	URL     string
	arrived chan struct{}
	leave   chan struct{}
}

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{arrived: make(chan struct{}, 100), leave: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		h.arrived <- struct{}{}
		select {
		case <-h.leave:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

func (h *hall) event() string { return fmt.Sprintf(`{"do":"visit","at":%q}`, h.URL) }

type invoked struct {
	result runtime.Result
	err    error
}

func invokeAside(ctx context.Context, r *runtime.Runtimes, fn runtime.Function, event string) <-chan invoked {
	done := make(chan invoked, 1)
	go func() {
		result, err := r.Invoke(ctx, fn, []byte(event))
		done <- invoked{result, err}
	}()
	return done
}
