//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/hack/leaktest"
)

// The values that are sealed in the scenario.
const (
	byPipe, byFile, byJSON, byEnv, changed = "scenario-by-pipe-\"1'\\", "scenario-by-file-2\nwith lines", "scenario-by-json-3é", "scenario-by-dotenv-4", "scenario-changed-5"
	inEditor                               = "scenario-inEditor-6"
)

// gossip is an AWS that answers one kind of call with an error in which there is the
// request, and every value.
type gossip struct {
	next http.Handler

	mu   sync.Mutex
	seen []string
	at   string // operation
	how  string
}

func (g *gossip) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if name == "" {
		name = r.Method + " " + r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	}
	g.mu.Lock()
	if !slices.Contains(g.seen, name) {
		g.seen = append(g.seen, name)
	}
	fails, how := name == g.at, g.how
	g.mu.Unlock()
	if !fails {
		g.next.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body) // what there is
	said := fmt.Sprintf("%s %s", body, strings.Join([]string{byPipe, byFile, byJSON, byEnv, changed, inEditor, imported, others}, " "))
	code, status := "ValidationException", http.StatusBadRequest
	switch how {
	case "reset":
		panic(http.ErrAbortHandler)
	case "garbage":
		_, _ = io.WriteString(w, "<html>"+said)
		return
	case "denied":
		code, status = "AccessDeniedException", http.StatusForbidden
	case "throttled":
		code, status = "ThrottlingException", http.StatusTooManyRequests
	}
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": said}) // the caller may be gone
}

func (g *gossip) fail(at, how string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.how = at, how
}

// calls forgets the kinds of calls and returns them.
func (g *gossip) calls() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := g.seen
	g.seen = nil
	return seen
}

// scenario is a site with a gossip, whose commands all log all that they can.
type scenario struct {
	site
	aws *gossip
	url string
}

func (s scenario) do(status int, stdin, line string, more ...string) string {
	s.t.Helper()
	return s.run(status, stdin, line, append(more, "--log-level", "debug", "--log-format", "json")...)
}

// commit commits all and says so.
func (s scenario) commit() {
	s.t.Helper()
	s.run(0, "", "git add .sealift.yaml sealift-sealing.pem manifests functions")
	s.run(0, "", "git commit -qm change --allow-empty")
}

func newScenario(t *testing.T) scenario {
	server, err := localaws.Open(localaws.Options{Dir: t.TempDir(), Settle: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	aws := &gossip{next: server}
	// What the test sends itself goes to another address, which is not watched.
	web, own := httptest.NewServer(seen(t, aws)), httptest.NewServer(server)
	t.Cleanup(func() { web.Close(); own.Close(); _ = server.Close() })
	s := scenario{newSite(t, web.URL), aws, own.URL}
	s.env = append(s.env, "AWS_MAX_ATTEMPTS=1", "XDG_CACHE_HOME="+filepath.Join(s.dir, ".cache"), "TMPDIR="+t.TempDir())
	api := lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &own.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if err := create(api, "hello", map[string]string{"FOREIGN": others, "IMPORTED": imported}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{inEditor, imported, others} {
		p := leaktest.Process{Args: []string{"seal"}, In: strings.NewReader(secret), Out: io.Discard, Err: io.Discard}
		known, err := leaktest.Record(recordOf(t), p)
		if err == nil {
			_, err = io.Copy(io.Discard, known.In)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestNothingLeaks lives through everything that can be done with a config, with each call
// of AWS failing in each way, and searches all that came of it, as recordOf does.
func TestNothingLeaks(t *testing.T) {
	s := newScenario(t)
	s.seals()
	s.applies()
	s.fails()
	s.changes()
	s.looks()
	s.follows()
}

// seals takes values in on every way.
func (s scenario) seals() {
	const seal = "sealift seal -f manifests/hello.yaml"
	s.write("functions/hello/bootstrap", "#!/bin/sh\n")
	s.run(0, "", "git init -q -b main .")
	s.do(0, "", "sealift keys create")
	s.do(0, "", "sealift init")
	s.do(0, "", "sealift keys list")
	s.do(0, byPipe, seal+" --namespace payments --name hello --function hello --alias live TOKEN")
	s.write("file.secret", byFile)
	s.do(0, "", seal+" --from-file file.secret FILE")
	s.do(0, fmt.Sprintf(`{"JSON": %q}`, byJSON), seal+" --from-json -")
	s.do(0, "DOTENV="+byEnv+"\n", seal+" --from-env -")
	s.do(2, "DOTENV "+byEnv+"\n", seal+" --from-env -")
	s.do(2, byEnv+"\xff", seal+" TOKEN")
	s.do(2, fmt.Sprintf(`{"JSON": [%q]}`, byJSON), "sealift import -f manifests/hello.yaml --from-json -")
	s.do(0, "", "sealift verify")
	s.do(0, "", "sealift unseal manifests/hello.yaml TOKEN")
	s.commit()
}

// applies sees the first apply and that of a changed value, in all forms of output.
func (s scenario) applies() {
	for _, form := range []string{"text", "json", "markdown"} {
		s.do(1, "", "sealift diff -o", form)
	}
	s.do(0, "", "sealift apply -o json --events events.jsonl")
	s.do(0, "", "sealift diff")
	s.do(0, changed, "sealift seal -f manifests/hello.yaml TOKEN")
	s.commit()
	s.do(1, "", "sealift diff")
	s.aws.calls()
	s.do(0, "", "sealift apply")
}

// fails has every call of an apply fail in every way.
func (s scenario) fails() {
	cases := 0
	calls := s.aws.calls()
	if len(calls) < 6 {
		s.t.Errorf("an apply makes the calls %q alone", calls)
	}
	s.do(0, byPipe, "sealift seal -f manifests/hello.yaml TOKEN")
	s.commit()
	for _, call := range calls {
		for _, how := range []string{"denied", "throttled", "reset", "garbage", "validation"} {
			if call == "GET code-signing-config" && how == "denied" {
				continue // it is not needed
			}
			s.aws.fail(call, how)
			s.do(2, "", "sealift apply --events events.jsonl")
			cases++
		}
		s.aws.fail(call, "validation")
		s.run(0, "", "sh -c", "sealift status --log-level debug; :")
	}
	s.aws.fail("", "")
	s.do(0, "", "sealift apply")
	s.t.Logf("%d failures of %d kinds of calls", cases, len(calls))
}

// changes does everything else that opens or takes values.
func (s scenario) changes() {
	s.do(0, "", "sealift rotate --reason drill --events events.jsonl")
	s.do(0, "", "sealift import -f manifests/hello.yaml IMPORTED")
	s.do(0, "", "sealift reseal manifests/hello.yaml")
	s.write("editor.secret", "#!/bin/sh\nsed -i 's/^DOTENV:.*/DOTENV: "+inEditor+"/' \"$1\"\n")
	s.env = append(s.env, "VISUAL="+filepath.Join(s.dir, "editor.secret"))
	s.do(0, "", "sealift edit manifests/hello.yaml")
	s.commit()
	s.do(0, "", "sealift apply")
	s.do(0, "", "sealift import -f manifests/hello.yaml --finish --confirm-reader")
	s.commit()
	s.do(0, "", "sealift apply")
	s.write("manifests/hello.yaml", s.read("manifests/hello.yaml")+"  bundle: {delivery: layer}\n")
	s.commit()
	s.do(0, "", "sealift apply")
}

// looks reads what is there.
func (s scenario) looks() {
	for _, form := range []string{"text", "json", "yaml"} {
		s.do(0, "", "sealift status -o", form)
	}
	s.do(0, "", "sealift doctor")
	for _, of := range []string{"operator", "function"} {
		s.run(0, "", "sh -c", "sealift policy "+of+" --log-level debug manifests; :")
	}
	s.run(0, "", "sh -c", "sealift invoke hello:live --log-level debug; :")
}

// follows has the operator and the hook apply what is pushed, and watches the operator.
func (s scenario) follows() {
	s.run(0, "", "git init -q --bare -b main repo.git")
	key := regexp.MustCompile(`arn:aws:kms\S+`).FindString(s.run(0, "", "sealift keys list"))
	s.do(0, "", "sealift hook install repo.git --path manifests --sealing-key "+key)
	s.do(0, changed+"-more", "sealift seal -f manifests/hello.yaml TOKEN")
	s.commit()
	s.run(0, "", "git push -q repo.git main")
	s.do(0, "", "sealift run --once --repo repo.git --events events.jsonl --sealing-key "+key)
	o := &operatorSite{site: s.site, arn: key, repo: "repo.git"}
	f := o.follow("--log-level debug --events events.jsonl --metrics-addr 127.0.0.1:0")
	address := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(f.says("msg=serving"))[1]
	for _, path := range []string{"/status", "/metrics"} {
		if err := leaktest.Keep(recordOf(s.t), "http "+path, []byte(get(s.t, "http://"+address+path))); err != nil {
			s.t.Fatal(err)
		}
	}
	f.signal(syscall.SIGTERM)
	f.ends(0)
	if !bytes.Contains(f.log.Bytes(), []byte("level=DEBUG")) && !bytes.Contains(f.log.Bytes(), []byte("level=INFO")) {
		s.t.Errorf("the operator says nothing:\n%s", &f.log)
	}
	s.run(0, "", "git gc -q")
}
