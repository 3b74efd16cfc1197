package cli_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// What a function answers may be what anybody sent to it: a terminal gets nothing that it
// would act on, and a pipe gets every byte as it is.
func TestInvokeOnTerminal(t *testing.T) {
	s, _, api := runSite(t)
	if err := create(api, "hello", nil); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.write("functions/hello/bootstrap", echo)
	s.run(0, "", "git commit -qam echo")
	s.run(0, "", "sealift apply")
	const payload = "\"a\u009b2J\u202eä\u007f\""
	if got := s.run(0, payload, "sealift invoke hello --payload -"); !strings.Contains(got, payload) {
		t.Errorf("piped: %q", got)
	}
	p := openTerminal(t)
	cmd := s.command("sealift invoke hello --payload -")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(payload), p.screen, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	_ = p.screen.Close()
	shown, _ := io.ReadAll(p.keyboard)
	if want := `{"event":"a\u009b2J\u202eä\x7f","bundle":"eyJhbGci",`; !strings.HasPrefix(string(shown), want) {
		t.Errorf("the terminal shows %q, want %q", shown, want)
	}
}
