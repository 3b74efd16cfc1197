package cli_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/openssl"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/controller/internal/gitsource"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

var updateBad = flag.Bool("update-bad", false, "write testdata/bad anew")

// Limits on what one bad input may cost.
const (
	badTime   = underRace * time.Second
	badMemory = 64 << 20
)

// badInput is one input that is refused, as a line of testdata/bad/DOOR.jsonl has it.
type badInput struct {
	Fault string  `json:"fault"`
	Input []piece `json:"input"`
	Want  string  `json:"want"` // the whole error

	cause string // a part of the error, written by hand; not in the file
}

// piece is a part of an input: a text as it is, or in base64 what would not show as it is.
type piece struct {
	Text   string `json:"text,omitempty"`
	Base64 string `json:"base64,omitempty"`
	Times  int    `json:"times,omitempty"` // 0 is once
}

func (b badInput) bytes(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, p := range b.Input {
		data, err := base64.StdEncoding.DecodeString(p.Base64)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(bytes.Repeat(append(data, p.Text...), max(p.Times, 1)))
	}
	return out.Bytes()
}

// doors are where inputs come in. Each returns the error that its input is refused with.
func doors(t *testing.T) map[string]func(data []byte) error {
	second := func(_ any, err error) error { return err }
	return map[string]func([]byte) error{
		"manifest": func(data []byte) error { return second(v1alpha1.Decode("m.yaml", data)) },
		"sealed":   func(data []byte) error { return second(envelope.ParseSealed(string(data))) },
		"bundle":   func(data []byte) error { return second(envelope.ParseBundle(data)) },
		"zip": func(data []byte) error {
			deployed, err := pack.Inspect(bytes.NewReader(data), "sealed-config.jwe", pack.MaxZipped)
			if err == nil {
				_, err = deployed.Patch([]byte("bundle"))
			}
			return err
		},
		"exclude": func(data []byte) error {
			return second(pack.Build(fstest.MapFS{"a": {}}, []string{string(data)}, pack.File{}))
		},
		"path": func(data []byte) error {
			return second(pack.Build(fstest.MapFS{"a": {}}, nil, pack.File{Path: string(data)}))
		},
		"json":     func(data []byte) error { return second(cli.ParseJSONValues(data)) },
		"env":      func(data []byte) error { return second(cli.ParseEnvValues(data)) },
		"edited":   func(data []byte) error { return second(cli.ParseEdited("f", data)) },
		"settings": func(data []byte) error { return second(controller.ParseSettings(".sealift.yaml", data)) },
		"marker":   func(data []byte) error { return second(plan.ParseMarker(string(data))) },
		"hook":     func(data []byte) error { return second(cli.ReadUpdates(bytes.NewReader(data))) },
		"config": func(data []byte) error {
			return second(cli.WrappedKey(fstest.MapFS{"config.json": {Data: data}}))
		},
		"openssl": func(data []byte) error {
			_, _, err := openssl.Open(data, make([]byte, openssl.DataKeySize))
			return err
		},
		"address": func(data []byte) error {
			remote, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: string(data), Dir: filepath.Join(t.TempDir(), "copy")})
			if err == nil {
				_ = remote.Close()
			}
			return err
		},
	}
}

// TestBadInput puts every input of testdata/bad through the door where it would come in.
// Each is refused with the very error that the file has, without a panic, in a second and
// in 64 MiB of memory, all told; and what no error may repeat is in none.
func TestBadInput(t *testing.T) {
	made := makeBad(t)
	total, faults := 0, map[string]bool{}
	var slowest time.Duration
	var largest uint64
	for door, try := range doors(t) {
		file := filepath.Join("testdata", "bad", door+".jsonl")
		if *updateBad {
			writeBad(t, file, made[door], try)
		}
		inputs := readBad(t, file)
		if len(inputs) != len(made[door]) {
			t.Fatalf("%s has %d inputs, and %d are made: go test -run TestBadInput -update-bad", file, len(inputs), len(made[door]))
		}
		for i, input := range inputs {
			total++
			faults[door+" "+input.Fault] = true
			if want := made[door][i]; want.Fault != input.Fault || !slices.Equal(want.Input, input.Input) {
				t.Fatalf("%s:%d is not what is made: go test -run TestBadInput -update-bad", file, i+1)
			}
			took, memory := checkBad(t, fmt.Sprintf("%s:%d: %s", file, i+1, input.Fault), try, input.bytes(t), input.Want)
			slowest, largest = max(slowest, took), max(largest, memory)
			if cause := made[door][i].cause; !regexp.MustCompile(cause).MatchString(input.Want) {
				t.Errorf("%s:%d: %s: the error is not about %q: %s", file, i+1, input.Fault, cause, input.Want)
			}
		}
	}
	t.Logf("survival: bad inputs refused with their message: %d of %d faults, 0 panics", total, len(faults))
	t.Logf("survival: the slowest and the largest of them: %s, %.1f MiB", slowest.Round(time.Millisecond), float64(largest)/(1<<20))
	if total < 500 || len(faults) < 60 {
		t.Errorf("only %d inputs with %d faults", total, len(faults))
	}
}

// badCanary is in inputs that hold something like a secret.
const badCanary = "canary-5150"

// checkBad tries one input, and returns what it cost. That is measured again if it is too
// much, for other work on the machine is counted, too.
func checkBad(t *testing.T, name string, try func([]byte) error, data []byte, want string) (took time.Duration, memory uint64) {
	t.Helper()
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		err := try(data)
		took = time.Since(start)
		runtime.ReadMemStats(&after)
		memory = after.TotalAlloc - before.TotalAlloc
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got: %v\nwant: %s", name, err, want)
			return took, memory
		}
		var hinted interface{ Hint() string }
		shown := err.Error()
		if errors.As(err, &hinted) {
			shown += hinted.Hint()
		}
		if strings.Contains(shown, badCanary) || len(shown) > 20_000 {
			t.Errorf("%s: the error repeats the input, or is long: %.200s", name, shown)
		}
		if took <= badTime && memory <= badMemory {
			return took, memory
		}
	}
	t.Errorf("%s: took %s and %d MiB", name, took, memory>>20)
	return took, memory
}

func readBad(t *testing.T, file string) (inputs []badInput) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var input badInput
		if err := json.Unmarshal(lines.Bytes(), &input); err != nil {
			t.Fatalf("%s:%d: %v", file, len(inputs)+1, err)
		}
		inputs = append(inputs, input)
	}
	return inputs
}

// writeBad writes a door's inputs with the errors that they get now: read them before they
// are committed.
func writeBad(t *testing.T, file string, inputs []badInput, try func([]byte) error) {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, input := range inputs {
		if err := try(input.bytes(t)); err != nil {
			input.Want = err.Error()
		} else {
			t.Errorf("%s: %s is taken: %q", file, input.Fault, input.bytes(t))
		}
		if err := enc.Encode(input); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// badMaker collects inputs.
type badMaker struct{ inputs map[string][]badInput }

// add adds an input for each text, all with one fault. Cause is what the errors are about.
func (m *badMaker) add(door, fault, cause string, texts ...string) {
	for _, text := range texts {
		m.recipe(door, fault, cause, pieceOf(text))
	}
}

// recipe adds an input of several pieces.
func (m *badMaker) recipe(door, fault, cause string, pieces ...piece) {
	m.inputs[door] = append(m.inputs[door], badInput{Fault: fault, Input: pieces, cause: cause})
}

// pieceOf returns a text in base64 if it is not plain ASCII.
func pieceOf(text string) piece {
	if text == "" || slices.ContainsFunc([]byte(text), func(c byte) bool { return (c < ' ' || c > '~') && c != '\n' }) {
		return piece{Base64: base64.StdEncoding.EncodeToString([]byte(text))}
	}
	return piece{Text: text}
}

// makeBad makes all inputs, the same ones each time.
func makeBad(t *testing.T) map[string][]badInput {
	t.Helper()
	m := &badMaker{inputs: map[string][]badInput{}}
	m.manifests()
	m.sealedManifests()
	m.settings()
	m.values()
	m.edits()
	m.places()
	m.lines()
	m.addresses()
	m.sealed(t)
	m.bundles(t)
	m.zips(t)
	return m.inputs
}

// TestBadInputsDiffer fails where two inputs of a door are one.
func TestBadInputsDiffer(t *testing.T) {
	for door, inputs := range makeBad(t) {
		seen := map[string]string{}
		for _, input := range inputs {
			text := fmt.Sprint(input.Input)
			if first, twice := seen[text]; twice {
				t.Errorf("%s: %s is the same as %s", door, input.Fault, first)
			}
			seen[text] = input.Fault
		}
	}
}
