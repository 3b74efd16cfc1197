package reader_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader"
)

// opened is what a reader makes of a bundle.
type opened struct {
	Result   string      `json:"result"`
	KMSCalls int         `json:"kmsCalls"`
	Secrets  [][2]string `json:"secrets"`
}

// served is a reader in another language, in a process that opens one bundle after
// another.
type served struct {
	name string
	ask  *json.Encoder
	told *bufio.Reader
}

// serve starts a reader. It is nil where the language is not here.
func serve(f *testing.F, name string, args ...string) *served {
	program, err := exec.LookPath(name)
	if err != nil {
		short, _, _ := strings.Cut(name, "3")
		if slices.Contains(strings.Split(os.Getenv("SEALIFT_TEST_REQUIRE"), ","), short) {
			f.Fatalf("no %s", name)
		}
		f.Logf("no %s: its reader is not compared", name)
		return nil
	}
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		f.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			f.Error(err)
		}
	})
	return &served{name: name, ask: json.NewEncoder(in), told: bufio.NewReader(out)}
}

func (s *served) open(t *testing.T, question map[string]any) (answer opened) {
	t.Helper()
	if err := s.ask.Encode(question); err != nil {
		t.Fatal(err)
	}
	line, err := s.told.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err != nil {
		t.Fatalf("%s: %v after %q", s.name, err, line)
	}
	return answer
}

// FuzzReaders checks that the readers in Go, Node and Python agree on every bundle, header
// and payload, however malformed: the same code, the same number of calls of KMS, the same
// secrets. Two of the three ways to make a bundle encrypt what was made up as it should
// be, so that the readers get to see it.
func FuzzReaders(f *testing.F) {
	others := []*served{serve(f, "node", "testdata/serve.cjs"), serve(f, "python3", "testdata/serve.py")}
	others = slices.DeleteFunc(others, func(s *served) bool { return s == nil })
	good := newCraft().make(f)
	header, _ := b64.DecodeString(good[:strings.IndexByte(good, '.')])
	f.Add(0, []byte(good))
	files, err := filepath.Glob(vectorFolder + "/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for i, name := range files { // TestVectors compares all of them
		data, err := os.ReadFile(name)
		var v vector
		if err = errors.Join(err, json.Unmarshal(data, &v)); err != nil {
			f.Fatal(err)
		}
		if i%6 == 0 && v.Append == nil {
			f.Add(0, []byte(v.Bundle))
		}
	}
	for _, edit := range [][2]string{{`{"alg"`, ` {"alg"`}, {`"v":1`, `"v":1.0`}, {`"v":1`, `"v":1e0`}, {`"v":1`, `"v":true`}, {`"v":1`, `"v":1,"v":1`}, {`"fn":"us-east-2/hello"`, `"fn":"us-east-2/hell\u006f"`}, {`"dir"`, `"d\u0069r"`}, {`"keys":[{`, `"keys":[[],{`}, {`us-east-2/hello`, `us-east-2/hellö`}, {`us-east-2/hello`, "us-east-2/\xff"}, {`}`, `,"__proto__":{}}`}, {`"alg":`, `"Alg":`}} {
		f.Add(1, []byte(strings.Replace(string(header), edit[0], edit[1], 1)))
	}
	for _, payload := range []string{`{}`, ``, `[]`, `null`, `{"A":1}`, `{"A":"x","A":"y"}`, `{"__proto__":"x"}`, `{"constructor":"x"}`, `{"A":"\u00e9"}`, `{"A":"é"}`, "{\"A\":\"\xff\"}", `{"A":"\ud800"}`, `{"A":"\ud83d\ude00"}`, `{"A":"x"} `, `{"B":"x","A":"y"}`, `{"1":"x"}`, `{"":"x"}`, "{\"A\":\"\x7f\u2028\"}", `{"A":"\/"}`, `{"A":"\u000A"}`, `{"A":"\n"}`, "\ufeff{}", `{"toString":"a","length":"b"}`} {
		f.Add(2, []byte(payload))
	}
	f.Fuzz(func(t *testing.T, way int, data []byte) {
		c := newCraft()
		bundle := data
		switch way {
		case 0:
		case 1:
			if string(data) == string(header) {
				return
			}
			c.header = func(string) string { return string(data) }
			bundle = []byte(c.make(t))
		case 2:
			c.payload = string(data)
			bundle = []byte(c.make(t))
		default:
			return
		}
		environment := map[string]string{"AWS_REGION": "us-east-2", "AWS_LAMBDA_FUNCTION_NAME": "hello"}
		want := openHere(t, bundle, environment, c.kms())
		for _, other := range others {
			got := other.open(t, map[string]any{"bundle": base64.StdEncoding.EncodeToString(bundle), "environment": environment, "kms": c.kms()})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %q (-go +%s):\n%s", other.name, bundle, other.name, diff)
			}
		}
	})
}

// openHere opens a bundle with the reader in Go.
func openHere(t *testing.T, bundle []byte, environment map[string]string, kms vectorKMS) opened {
	t.Helper()
	got := opened{Secrets: [][2]string{}}
	secrets, err := reader.Open(t.Context(), reader.Options{
		Path:   writeBundle(t, bundle),
		Getenv: func(name string) string { return environment[name] },
		Decrypter: reader.DecryptFunc(func(_ context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
			got.KMSCalls++
			switch {
			case keyID != kms.KeyID:
				return nil, apiError("IncorrectKeyException")
			case b64.EncodeToString(wrapped) != kms.CiphertextBlob, !maps.Equal(encryptionContext, kms.EncryptionContext):
				return nil, apiError("InvalidCiphertextException")
			}
			return hex.DecodeString(kms.Plaintext)
		}),
	})
	if failure, ok := errors.AsType[*reader.Error](err); ok {
		got.Result = string(failure.Code)
		return got
	}
	got.Result = "ok"
	for _, name := range secrets.Names() {
		value, err := secrets.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		got.Secrets = append(got.Secrets, [2]string{name, value})
	}
	return got
}
