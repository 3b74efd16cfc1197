package cli_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Local AWS runs code for whoever calls it: a page in a browser must not be able to.
func TestLocalAWSAnswersThisMachineAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sealift", "local-aws", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir(), "npm_config_offline=true")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(line, "AWS_ENDPOINT_URL=")
	url, _, _ := strings.Cut(rest, " ")
	port := url[strings.LastIndex(url, ":"):]
	tests := []struct {
		name, host, origin string
		status             int
	}{
		{"address", "127.0.0.1" + port, "", http.StatusOK},
		{"name of this machine", "localhost" + port, "", http.StatusOK},
		{"IPv6", "[::1]" + port, "", http.StatusOK},
		{"another name", "evil.example" + port, "", http.StatusForbidden},
		{"another address", "192.0.2.1" + port, "", http.StatusForbidden},
		{"a page", "127.0.0.1" + port, "http://127.0.0.1" + port, http.StatusForbidden},
	}
	for _, test := range tests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/_localaws/calls", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = test.host
		if test.origin != "" {
			req.Header.Set("Origin", test.origin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != test.status {
			t.Errorf("%s: HTTP status %d, want %d", test.name, resp.StatusCode, test.status)
		}
	}
	cancel()
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("interrupted, it exits with %d", status)
	}
}
