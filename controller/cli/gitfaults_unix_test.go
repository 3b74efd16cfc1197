//go:build unix

package cli_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"sealift.dev/sealift/controller"
)

// gitFront is the server of an operator's repository, which may be made to misbehave.
type gitFront struct {
	next http.Handler

	mu    sync.Mutex
	spoil func(http.ResponseWriter, *http.Request, http.Handler) // nil: it behaves
}

func (g *gitFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	spoil := g.spoil
	g.mu.Unlock()
	if spoil == nil {
		spoil = func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }
	}
	if _, password, _ := r.BasicAuth(); password != "served-canary" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	spoil(w, r, g.next)
}

func (g *gitFront) spoilWith(f func(http.ResponseWriter, *http.Request, http.Handler)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spoil = f
}

// overHTTPS has the operator follow its repository over https, by a copy below TMPDIR.
func (o *operatorSite) overHTTPS() *gitFront {
	o.t.Helper()
	next, err := gitBackend(o.dir)
	if err != nil {
		o.t.Fatal(err)
	}
	front := &gitFront{next: next}
	server := httptest.NewTLSServer(front)
	o.t.Cleanup(server.Close)
	file := filepath.Join(o.t.TempDir(), "server.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		o.t.Fatal(err)
	}
	o.repo = server.URL + "/repo.git"
	o.env = append(o.env, "SSL_CERT_FILE="+file, "SEALIFT_GIT_TOKEN=served-canary", "TMPDIR="+o.t.TempDir())
	return front
}

// pushed commits another secret and pushes it.
func (o *operatorSite) pushed(secret string) {
	o.t.Helper()
	o.run(0, secret, "sealift seal -f manifests/hello.yaml TOKEN")
	o.run(0, "", "git commit -qam change")
	o.run(0, "", "git push -q repo.git +main")
}

// statusOf returns what a running operator knows.
func statusOf(t testing.TB, url string) controller.OperatorStatus {
	t.Helper()
	var status controller.OperatorStatus
	if err := json.Unmarshal([]byte(get(t, url+"/status")), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

// servedAt waits until an operator serves, and returns the URL.
func (f *following) servedAt() string {
	f.t.Helper()
	return "http://" + regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(f.says("msg=serving"))[1]
}

// Whatever becomes of the branch or its server, what was applied stays live and is still
// known, the log says what is wrong, and the operator goes on when it is over.
func TestRunOutlivesFaultsOfGit(t *testing.T) {
	t.Parallel()
	o := newOperatorSite(t)
	front := o.overHTTPS()
	o.run(0, "", "git push -q repo.git main:other")
	f := o.follow("--metrics-addr 127.0.0.1:0 --branch main")
	url := f.servedAt()
	f.says(`msg="alias moved"`)
	answers := func(method string, answer func(http.ResponseWriter, *http.Request, http.Handler)) func() {
		return func() {
			front.spoilWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method != method {
					next.ServeHTTP(w, r)
					return
				}
				answer(w, r, next)
			})
		}
	}
	cutAt := func(part int) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			whole := httptest.NewRecorder()
			next.ServeHTTP(whole, r)
			w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
			_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()*part/4])
		}
	}
	ref := func(kind string) func() {
		return func() { o.write("repo.git/refs/heads/main", o.run(0, "", "git rev-parse "+kind)) } // git itself refuses to
	}
	faults := []struct {
		name, says string
		begin      func()
	}{
		{"a pack is cut", "the pack that the server sent is damaged: it is cut short", answers(http.MethodPost, cutAt(2))},
		{"refs are cut", "the server's list of refs cannot be read", answers(http.MethodGet, cutAt(1))},
		{"the server fails", "the server fails with status 503", answers(http.MethodGet, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusServiceUnavailable)
		})},
		{"the server hangs up", "no answer from", answers(http.MethodGet, func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) })},
		{"a web page", "the server does not speak git's smart protocol there", answers(http.MethodGet, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { _, _ = io.WriteString(w, "<html>") })},
		{"the branch is deleted", `branch \"main\": not found`, func() { o.run(0, "", "git --git-dir repo.git update-ref -d refs/heads/main") }},
		{"the branch is a tree", `branch \"main\" names a tree, not a commit`, ref("HEAD^{tree}")},
		{"the objects are not given", "the server breaks off its answer", answers(http.MethodPost, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = io.WriteString(w, pktLine("ERR upload-pack: not our ref served-canary"))
		})},
	}
	for i, fault := range faults {
		secret := "faults-canary-" + string(rune('a'+i))
		version := o.liveVersion()
		before := statusOf(t, url)
		front.spoilWith(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusTooManyRequests)
		})
		f.says("the server limits how often it may be asked") // so that the new commit is not seen ahead of the fault
		o.pushed(secret)
		head := strings.TrimSpace(o.run(0, "", "git rev-parse HEAD"))
		front.spoilWith(nil)
		fault.begin()
		line := f.says(`msg="branch not read; what was read before stays" error="fetch ` + o.repo)
		for !strings.Contains(line, fault.says) {
			line = f.says(`msg="branch not read; what was read before stays" error="fetch ` + o.repo)
		}
		if !strings.Contains(line, " hint=") && !strings.Contains(line, "names a tree") {
			t.Errorf("%s: no next step in %s", fault.name, line)
		}
		if v := o.liveVersion(); v != version {
			t.Errorf("%s: version %s is live, and was %s", fault.name, v, version)
		}
		during := statusOf(t, url)
		if during.Error == "" || during.Revision != before.Revision || len(during.Configs) != 1 || during.Configs[0].Status.Function == nil || during.Configs[0].Status.Function.Version != version {
			t.Errorf("%s: the status is %+v", fault.name, during)
		}
		front.spoilWith(nil)
		o.run(0, "", "git --git-dir repo.git update-ref --no-deref refs/heads/main "+head)
		f.says(`msg="alias moved" config=payments/hello alias=live`)
		if v := o.liveVersion(); v == version {
			t.Errorf("%s: behind it version %s is live", fault.name, v)
		}
	}
	f.signal(os.Interrupt)
	f.ends(0)
	if left, err := os.ReadDir(o.getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if holds(f.log.Bytes(), "served-canary") || holds(f.log.Bytes(), "faults-canary-a") {
		t.Error("a secret is in the log")
	}
}

// pktLine is a line of git's protocol.
func pktLine(line string) string { return fmt.Sprintf("%04x%s", len(line)+4, line) }

// getenv returns a variable as commands of s see it.
func (s site) getenv(name string) (value string) {
	for _, entry := range s.env {
		if v, found := strings.CutPrefix(entry, name+"="); found {
			value = v
		}
	}
	return value
}
