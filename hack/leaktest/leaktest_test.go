package leaktest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"sealift.dev/sealift/hack/leaktest"
)

const secret = "SEALIFTCANARY-5b7e21/+?\"'<é\\\n"

// written returns text in each spelling, by its name.
func written(text string) map[string]string {
	quoted, _ := json.Marshal(text)
	ascii := strconv.QuoteToASCII(text)
	std, wide := base64.StdEncoding, utf16.Encode([]rune(text))
	var little, big bytes.Buffer
	for _, unit := range wide {
		little.Write([]byte{byte(unit), byte(unit >> 8)})
		big.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	numbers, _ := json.Marshal(strings.Split(strings.Trim(fmt.Sprint([]byte(text)), "[]"), " "))
	return map[string]string{
		"plain": text, "hex": hex.EncodeToString([]byte(text)), "hex in capitals": fmt.Sprintf("%X", text), "hex apart": fmt.Sprintf("% x", text),
		"base64 at 0": std.EncodeToString([]byte(text)), "base64 at 1": std.EncodeToString([]byte("x" + text)), "base64 at 2": std.EncodeToString([]byte("xy" + text)),
		"base64url": base64.URLEncoding.EncodeToString([]byte("x" + text + "y")), "bytes": fmt.Sprint([]byte(text)), "bytes in Go": fmt.Sprintf("%#v", []byte(text)),
		"bytes in JSON": strings.ReplaceAll(string(numbers), `"`, ""), "JSON": string(quoted), "%q": strconv.Quote(text), "%+q": ascii, "URL": url.QueryEscape(text), "URL's path": url.PathEscape(text),
		"YAML": strings.ReplaceAll(text, "'", "''"), "HTML": html.EscapeString(text), "UTF-16": little.String(), "UTF-16, big endian": big.String(),
		"base64 twice": std.EncodeToString([]byte(std.EncodeToString([]byte(text)))),
	}
}

// packed returns data as it is in files, by the name of their kind.
func packed(t *testing.T, data string) map[string][]byte {
	var zipped, object, gzipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	entry, err := z.Create("inner")
	if err != nil {
		t.Fatal(err)
	}
	deflated, small := zlib.NewWriter(&object), gzip.NewWriter(&gzipped)
	for _, w := range []io.Writer{entry, deflated, small} {
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), deflated.Close(), small.Close()); err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(map[string][]byte{"ZipFile": zipped.Bytes()})
	return map[string][]byte{"a zip": zipped.Bytes(), "an object of git": object.Bytes(), "gzip": gzipped.Bytes(), "a request's body": body}
}

// The detector has to find what it looks for, or it proves nothing.
func TestWatchFindsEverySpelling(t *testing.T) {
	for name, text := range written(secret) {
		for kind, data := range packed(t, "before "+text+" after") {
			if !found(secret, data) || !leaktest.Holds(data, secret) {
				t.Errorf("%s in %s: not found", name, kind)
			}
		}
		if !found(secret, []byte("before "+text+" after")) {
			t.Errorf("%s: not found", name)
		}
	}
}

func found(text string, data []byte) bool {
	w := leaktest.New()
	w.Secret("s", text)
	w.Look("sink", data)
	return len(w.Leaks()) > 0
}

// Any twelve bytes are a leak, eleven are none: other texts may have them.
func TestWatchFindsEveryRun(t *testing.T) {
	const text = "SEALIFTCANARY-5b7e21-0123456789-abc"
	for at := range len(text) - 11 {
		for name, spelled := range written(text[at : at+12]) {
			if !found(text, []byte("\x00<<"+spelled+">>\x00")) {
				t.Errorf("%s of bytes %d to %d: not found", name, at, at+12)
			}
		}
		if found(text, []byte("<<"+text[at:at+11]+">>")) {
			t.Errorf("11 bytes from %d are found", at)
		}
	}
	for _, text := range []string{"", "info", "aaaaaaaaaaaaaaaa"} {
		if found(text, []byte(text+" and "+text)) {
			t.Errorf("%q is looked for, and is nothing to be told from others", text)
		}
	}
}

// A data key of which twelve bytes are written is found.
func TestWatchFindsKeys(t *testing.T) {
	key := []byte("\x00\xff\x17\x80kQ\x9a\x02\xee\x10z\x91\x04\xc3\x55\x66\xa0\xb1\xc2\xd3\xe4\xf5\x06\x18\x29\x3a\x4b\x5c\x6d\x7e\x8f\x91")
	for at := range len(key) - 11 {
		part := key[at : at+12]
		for name, spelled := range map[string]string{
			"plain": string(part), "hex": hex.EncodeToString(part), "base64": base64.StdEncoding.EncodeToString(part), "bytes": fmt.Sprint(part), "bytes in Go": fmt.Sprintf("%#v", part),
		} {
			w := leaktest.New()
			w.Key("k", key)
			w.Look("sink", []byte("x "+spelled+" y"))
			if len(w.Leaks()) == 0 {
				t.Errorf("%s of bytes %d to %d: not found", name, at, at+12)
			}
		}
	}
}

// Objects of git are found loose and in packs.
func TestWatchFolder(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=A", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(strings.Repeat("some lines\n", 200)+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	write(secret)
	git("add", "file")
	git("commit", "-qm", "one")
	write("nothing")
	git("commit", "-qam", "two")
	for _, state := range []string{"loose", "packed"} {
		w := leaktest.New()
		w.Secret("s", secret)
		if err := w.Folder("the clone", dir, nil); err != nil {
			t.Fatal(err)
		}
		leaks := w.Leaks()
		if len(leaks) == 0 || !strings.HasPrefix(leaks[0].Sink, "the clone .git/objects/") {
			t.Errorf("%s: %v", state, leaks)
		}
		git("gc", "-q")
	}
}

// What is sent to AWS is looked at, and what KMS hands out is secret from then on.
func TestWatchRequests(t *testing.T) {
	key := "0123456789abcdefghijklmnopqrstuv"
	w := leaktest.New(leaktest.Exception{Sink: "a request POST TrentService.Allowed", Secret: "s", Why: "a test"})
	w.Secret("s", secret)
	handler := w.Requests(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.Header().Set("X-Echo", string(body))
		rw.WriteHeader(http.StatusTeapot)
		_ = json.NewEncoder(rw).Encode(map[string][]byte{"Plaintext": []byte(key)})
	}))
	send := func(target, body string) *http.Response {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", target)
		out := httptest.NewRecorder()
		handler.ServeHTTP(out, r)
		return out.Result()
	}
	if resp := send("TrentService.Allowed", secret); resp.StatusCode != http.StatusTeapot || resp.Header.Get("X-Echo") != secret {
		t.Errorf("the handler does not pass answers on: %v", resp)
	}
	if leaks := w.Leaks(); len(leaks) != 0 {
		t.Errorf("an exception is reported: %v", leaks)
	}
	send("TrentService.Other", "grant "+secret)
	fmt.Fprint(w.Sink("log"), "a key ", key)
	leaks := w.Leaks()
	if len(leaks) < 2 || leaks[0].Sink != "a request POST TrentService.Other" || leaks[len(leaks)-1].Secret != "data key" || leaks[len(leaks)-1].Sink != "log" {
		t.Errorf("%v", leaks)
	}
}

// The credentials that STS hands out are secret from then on, but for the header in which
// they are sent. A token is one as a whole: AWS writes in it for whom it is.
func TestWatchCredentials(t *testing.T) {
	const key, token = "JZ5W2K4LQ7TBN3XRY6VDC2FHMPGAEUSOIJ5W3K4L", "FwoGZXIvYXdzEBYaDKforthisrole111122223333andthensomerandom"
	for _, kept := range []bool{false, true} {
		w, dir := leaktest.New(), t.TempDir()
		sts := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(rw, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>`, key, token)
		})
		handler := w.Requests(sts)
		if kept {
			handler = leaktest.KeepRequests(dir, sts)
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader("Action=AssumeRole&Version=2011-06-15"))
		r.Header.Set("X-Amz-Security-Token", token)
		out := httptest.NewRecorder()
		handler.ServeHTTP(out, r)
		if _, _, err := w.Recorded(dir); err != nil || !strings.Contains(out.Body.String(), token) {
			t.Fatalf("%v, %s", err, out.Body)
		}
		w.Look("a part", []byte("role111122223333andthen"))
		if leaks := w.Leaks(); len(leaks) != 0 {
			t.Errorf("kept %t: %v", kept, leaks)
		}
		w.Look("log of a key", []byte("as "+key[7:27]))
		w.Look("log of a token", []byte(url.QueryEscape(token)))
		found := map[string]string{}
		for _, l := range w.Leaks() {
			found[l.Sink] = l.Secret
		}
		if found["log of a key"] != "credentials: secret access key" || found["log of a token"] != "credentials: session token" {
			t.Errorf("kept %t: %v", kept, found)
		}
	}
}

// What was found is in the line for the table of figures.
func TestSay(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		w := leaktest.New()
		w.Secret("s", secret)
		w.Look("one", []byte(secret))
		w.Look("two", nil)
		if err := w.Add(dir, 3); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	err := leaktest.Say(&out, "it", dir)
	if want := regexp.MustCompile(`^survival: plaintext found, in all that it gives out: 6 of 4 searches, in \d\d spellings\n$`); err != nil || !want.MatchString(out.String()) {
		t.Errorf("%q, %v", &out, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "total-x"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := leaktest.Say(&out, "it", dir); err == nil {
		t.Error("a total that was cut is passed over")
	}
}

// Requests that are kept are those that are looked at.
func TestKeepRequests(t *testing.T) {
	dir, key := t.TempDir(), "0123456789abcdefghijklmnopqrstuv"
	handler := leaktest.KeepRequests(dir, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(rw).Encode(map[string][]byte{"Plaintext": []byte(key)})
	}))
	r := httptest.NewRequest("POST", "/", strings.NewReader("grant "+secret))
	r.Header.Set("X-Amz-Target", "TrentService.Decrypt")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	w := leaktest.New()
	w.Secret("s", secret)
	w.Look("log", []byte(key))
	if _, n, err := w.Recorded(dir); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	leaks := w.Leaks()
	if len(leaks) < 2 || leaks[0].Sink != "a request POST TrentService.Decrypt" || leaks[len(leaks)-1].Secret != "data key" {
		t.Errorf("%v", leaks)
	}
}

type inside struct{ value []byte }

func (i inside) Error() string { return "closed" }
func (i inside) Hint() string  { return "see " + string(i.value) }

// A value that hides what it has from one verb is printed with the others, and the errors
// below it too.
func TestWatchValue(t *testing.T) {
	for name, v := range map[string]any{
		"a field": inside{value: []byte(secret)}, "below": fmt.Errorf("outer: %w", inside{value: []byte(secret)}), "joined": errors.Join(io.EOF, inside{value: []byte(secret)}),
		"JSON": map[string]string{"a": secret},
	} {
		w := leaktest.New()
		w.Secret("s", secret)
		w.Value("v", v)
		if len(w.Leaks()) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

// A process is recorded: what it seals is secret, and what it says is looked at.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "values")
	if err := os.WriteFile(file, []byte("A='from-a-file-17'\nexport B=from-a-file-18\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(p leaktest.Process) {
		t.Helper()
		p.Out, p.Err = io.Discard, io.Discard
		p, err := leaktest.Record(dir, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, p.In); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(p.Err, "%x", "from-a-pipe-19")
		fmt.Fprint(p.Out, "from-a-file-17 from-json-20")
	}
	run(leaktest.Process{Args: []string{"-v", "seal", "TOKEN"}, In: strings.NewReader("from-a-pipe-19\n")})
	run(leaktest.Process{Args: []string{"import", "--from-env", file}, In: strings.NewReader(`{"A": "from-json-20"}`)})
	run(leaktest.Process{Args: []string{"verify", "from-a-file-18"}, Environ: []string{"A=from-a-file-17"}, In: strings.NewReader("verify reads this")})
	w := leaktest.New()
	if n, _, err := w.Recorded(dir); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	var got []string
	for _, l := range w.Leaks() {
		got = append(got, l.Secret+" in "+l.Sink)
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"from-a-file-17 in environment of verify", "from-a-file-18 in arguments of verify", "from-a-pipe-19 in stderr of seal", "from-a-pipe-19 in stderr of verify", "from-a-file-17 in stdout of import", "from-json-20 in stdout of import",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "verify reads this") {
		t.Errorf("verify seals nothing:\n%s", all)
	}
}
