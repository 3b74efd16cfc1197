package cli_test

import (
	"bytes"
	"io"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/controller/internal/localaws"
)

// On a terminal a value is ended with a line end, and nowhere else. A value that the
// terminal would act on is not printed there.
func TestUnsealOnATerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	server, err := localaws.Open(localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": web.URL, "AWS_REGION": "us-east-2", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := openTerminal(t)
	const hostile = "\x1b]0;" + canary + "\a"
	for _, step := range []struct{ args, in string }{
		{"keys create", ""}, {"init", ""}, {"seal -f hello.yaml --name hello --function hello TOKEN", canary}, {"seal -f hello.yaml HOSTILE", hostile},
	} {
		var stderr bytes.Buffer
		if status := cli.Main(t.Context(), strings.Fields(step.args), cli.Streams{In: strings.NewReader(step.in), Out: new(bytes.Buffer), Err: &stderr}); status != 0 {
			t.Fatalf("%s: status %d: %s", step.args, status, &stderr)
		}
	}
	var piped, stderr bytes.Buffer
	unseal := []string{"unseal", "hello.yaml", "TOKEN", "--log-level", "debug"}
	piping := cli.Main(t.Context(), unseal, cli.Streams{In: p.screen, Out: &piped, Err: &stderr})
	if piping != 0 || piped.String() != canary {
		t.Errorf("status %d, %q, want %q: %s", piping, &piped, canary, &stderr)
	}
	unseal[2] = "HOSTILE"
	piped.Reset()
	if status := cli.Main(t.Context(), unseal, cli.Streams{In: p.screen, Out: &piped, Err: &stderr}); status != 0 || piped.String() != hostile {
		t.Errorf("status %d, %q, want %q: %s", status, &piped, hostile, &stderr)
	}
	stderr.Reset()
	refused := "sealift: the value holds control characters, on which a terminal would act\n" +
		"hint: write it to a file, or pipe it to a program that shows them, such as cat -v\n"
	status := cli.Main(t.Context(), unseal[:3], cli.Streams{In: p.screen, Out: p.screen, Err: &stderr})
	if status != 2 || stderr.String() != refused {
		t.Errorf("status %d, %q, want 2 and %q", status, &stderr, refused)
	}
	unseal[2] = "TOKEN"
	if status := cli.Main(t.Context(), unseal, cli.Streams{In: p.screen, Out: p.screen, Err: &stderr}); status != 0 {
		t.Errorf("status %d: %s", status, &stderr)
	}
	want := canary + "\r\n" // a terminal shows a line end so
	shown := make([]byte, len(want))
	if _, err := io.ReadFull(p.keyboard, shown); err != nil || string(shown) != want {
		t.Errorf("the terminal shows %q, %v, want %q", shown, err, want)
	}
	if strings.Contains(stderr.String(), canary) {
		t.Errorf("the value is on stderr:\n%s", &stderr)
	}
	// Values are not typed where they would be shown.
	stderr.Reset()
	status = cli.Main(t.Context(), []string{"seal", "-f", "hello.yaml", "--from-env", "-"}, cli.Streams{In: p.screen, Out: &piped, Err: &stderr})
	want = "sealift: read the values: standard input is a terminal, which would show what is typed\nhint: name a file, or pipe the values in\n"
	if status != 2 || stderr.String() != want {
		t.Errorf("status %d, %q, want 2 and %q", status, &stderr, want)
	}
}
