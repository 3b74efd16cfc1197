package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller"
)

const plainText = "text/plain; charset=utf-8"

func TestHandlerAnswers(t *testing.T) {
	index := "sealift operator\n" +
		"/metrics  metrics, for Prometheus\n" +
		"/healthz  200 while the operator is alive, 503 and why when it is stuck\n" +
		"/readyz   200 while the branch can be read, 503 and why when it can't\n" +
		"/status   JSON: the revision, each config and its conditions\n"
	well, ill := &fake{}, &fake{healthy: errors.New("the branch was last looked at 41m0s ago"), ready: errFetch}
	tests := map[string]struct {
		operator       *fake
		method, target string
		status         int
		kind, allow    string
		body           string
	}{
		"index":              {well, "GET", "/", 200, plainText, "", index},
		"healthy":            {well, "GET", "/healthz", 200, plainText, "", "ok\n"},
		"healthy with query": {well, "GET", "/healthz?verbose", 200, plainText, "", "ok\n"},
		"healthy by head":    {well, "HEAD", "/healthz", 200, plainText, "", "ok\n"}, // net/http drops the body
		"not healthy":        {ill, "GET", "/healthz", 503, plainText, "", "the branch was last looked at 41m0s ago\n"},
		"ready":              {well, "GET", "/readyz", 200, plainText, "", "ok\n"},
		"not ready":          {ill, "GET", "/readyz", 503, plainText, "", "fetch: no answer\n"},
		"empty status":       {well, "GET", "/status", 200, "application/json", "", "{\n  \"looked\": null,\n  \"configs\": null\n}\n"},
		"unknown":            {well, "GET", "/debug/pprof/", 404, plainText, "", "not found; see /\n"},
		"below a path":       {well, "GET", "/status/x", 404, plainText, "", "not found; see /\n"},
		"slash too many":     {well, "GET", "//metrics", 404, plainText, "", "not found; see /\n"},
		"dots":               {well, "GET", "/x/../metrics", 404, plainText, "", "not found; see /\n"},
		"unknown by post":    {well, "POST", "/x", 404, plainText, "", "not found; see /\n"},
		"post":               {well, "POST", "/status", 405, plainText, "GET, HEAD", "only GET and HEAD\n"},
		"options":            {well, "OPTIONS", "/metrics", 405, plainText, "GET, HEAD", "only GET and HEAD\n"},
		"delete":             {well, "DELETE", "/", 405, plainText, "GET, HEAD", "only GET and HEAD\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ask(t, newHandler(test.operator), test.method, test.target, "sealift.internal", "")
			want := http.Header{"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "Content-Type": {test.kind}}
			if test.allow != "" {
				want.Set("Allow", test.allow)
			}
			if got.Code != test.status {
				t.Errorf("status %d, want %d", got.Code, test.status)
			}
			if diff := cmp.Diff(want, got.Header()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.body, got.Body.String()); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusIsThatOfTheOperator(t *testing.T) {
	want, err := os.ReadFile("testdata/status.json")
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t, newHandler(&fake{status: two()}), "GET", "/status", "", "")
	if diff := cmp.Diff(string(want), got.Body.String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// Names that others chose neither break the JSON nor reach a terminal as what they do there.
func TestStatusOfHostileTexts(t *testing.T) {
	hostile := "a\x00\x1b[2J\x7f\u009b31m\u202e\u2028\U000e0041\"\\\n</script>é→"
	status := two()
	status.Error = hostile
	status.Faults[0].File = "\xff\xfe.yaml"
	status.Configs[0].Status.Conditions[0].Message = hostile
	body := ask(t, newHandler(&fake{status: status}), "GET", "/status", "", "").Body.String()
	for _, r := range body {
		if r != '\n' && r < ' ' || r == 0x7f || r == 0x9b || r == 0x202e || r == 0x2028 || r == 0xe0041 {
			t.Errorf("the body has %U", r)
		}
	}
	if !strings.Contains(body, `</script>é→"`) {
		t.Error("printable text is not as it was")
	}
	var got controller.OperatorStatus
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Error != hostile || got.Configs[0].Status.Conditions[0].Message != hostile || got.Faults[0].File != "\ufffd\ufffd.yaml" {
		t.Errorf("read back: %+v", got)
	}
}

func TestHostsOnLoopback(t *testing.T) {
	const refusal = "this host name is not allowed here: ask for localhost or 127.0.0.1\n"
	tests := []struct {
		arrived, host string
		allowed       bool
	}{
		{"127.0.0.1:9090", "localhost:9090", true},
		{"127.0.0.1:9090", "LocalHost", true},
		{"127.0.0.1:9090", "127.0.0.1:9090", true},
		{"127.0.0.1:9090", "127.8.9.10", true},
		{"[::1]:9090", "[::1]:9090", true},
		{"[::1]:9090", "[::1]", true},
		{"127.0.0.1:9090", "[::ffff:127.0.0.1]:9090", true},
		{"127.0.0.1:9090", "", true},
		{"127.0.0.1:9090", "evil.example:9090", false},
		{"127.0.0.1:9090", "localhost.evil.example", false},
		{"127.0.0.1:9090", "127.0.0.1.evil.example", false},
		{"127.0.0.1:9090", "10.0.0.1:9090", false},
		{"127.0.0.1:9090", "[::]:9090", false},
		{"[::1]:9090", "evil.example", false},
		{"[::ffff:127.0.0.1]:9090", "evil.example", false},
		{"10.0.0.1:9090", "sealift.internal:9090", true},
		{"10.0.0.1:9090", "evil.example", true},
	}
	handler := newHandler(&fake{})
	for _, test := range tests {
		for _, path := range []string{"/status", "/metrics", "/healthz", "/x"} {
			got := ask(t, handler, "GET", path, test.host, test.arrived)
			if refused := got.Code == http.StatusForbidden && got.Body.String() == refusal; refused == test.allowed {
				t.Errorf("%s of %q at %s: %d %s", path, test.host, test.arrived, got.Code, got.Body)
			}
		}
	}
}
