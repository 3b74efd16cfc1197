package cli_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/rogpeppe/go-internal/testscript"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/hack/leaktest"
)

func TestMain(m *testing.M) {
	testscript.Main(recorded{m}, map[string]func(){"sealift": sealift})
}

// sealift is the program as main.go has it, with a record of what it is given and says.
func sealift() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Main(ctx, os.Args[1:], record(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	stop()
	os.Exit(status)
}

// offlineKey is the ARN under which the sealing-key command records its key. No
// KMS has it.
const offlineKey = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000001"

// offlineSettings is what init writes for it.
const offlineSettings = "sealingKeys:\n  - arn: " + offlineKey + "\n    publicKey: sealift-sealing.pem\nbundleKey: alias/sealift-bundle\nregion: us-east-2\n"

// TestScripts runs the scripts in testdata, each in a folder, with a HOME and a git
// configuration of its own, and without AWS credentials until it asks for a local
// AWS. Beside testscript's own commands they have:
//
//	localaws              start a local AWS and point the AWS variables at it
//	calls [OP=N...]       print the calls of the local AWS as JSON; with OP=N (as
//	                      kms:Decrypt=1, or all=0) assert how many there were
//	calls -reset          forget the calls so far
//	disable FILE          disable the KMS key whose ARN a file holds
//	sealing-key DIR       write .sealift.yaml and the PEM of an offline sealing key
//	opens FILE NAME WANT  assert that a sealed value of a manifest opens as WANT
//	[!] anywhere TEXT     assert that a file below $WORK holds TEXT, encoded or packed
//	                      as it may be (files that are named *.secret apart)
//	mode FILE PERM        assert a file's permissions, as 0644
//	exits STATUS CMD...   run a program and assert its exit status
//	function NAME [K=V]   create a function on the local AWS
//	function-env NAME K=V set a variable of a function, as somebody else would
//	function-code NAME    upload another package, as somebody else would
//	deploy NAME DIR       upload a folder as the function's package, as another tool
//	object KEY DIR        put a folder, zipped, into S3; object -bucket NAME makes a bucket
//	serve DIR             serve a repository over https, to who has the token
//	                      served-canary; sets SERVED to its URL, and trusts it
//	byhand DIR NAME MD    encrypt DIR/NAME.json by hand, with openssl and a data key
//	as ROLE               go on with the credentials of a role (an ARN); as self: back
//	live NAME DIR         unpack what the alias live of a function names
func TestScripts(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	h := harness{key: key}
	testscript.Run(t, h.params("testdata", setup))
}

// params are those of the scripts in dir.
func (h harness) params(dir string, setup func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		Setup:               setup,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"localaws":    localAWS,
			"as":          assumeRole,
			"sealing-key": h.sealingKey,
			"opens":       h.opens,
			"anywhere":    anywhere,
			"mode":        mode,
			"exits":       exits,
			"function":    createFunction,
			"deploy":      deployFolder,
			"object":      putFolder,
			"live":        unpackLive,
			"serve":       serveGit,
			"byhand":      byHand,

			"function-env":  setVariable,
			"function-code": uploadCode,
			"alias-of":      readAlias,
			"alias-set":     setAlias,
		},
	}
}

// setup shuts the script off from the developer's own git and AWS configuration.
func setup(env *testscript.Env) error {
	if err := recordScript(env); err != nil {
		return err
	}
	home := filepath.Join(env.WorkDir, ".home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"HOME":                        home,
		"XDG_CONFIG_HOME":             filepath.Join(home, ".config"),
		"XDG_CACHE_HOME":              filepath.Join(home, ".cache"),
		"GIT_CONFIG_NOSYSTEM":         "1",
		"GIT_CONFIG_GLOBAL":           filepath.Join(home, ".gitconfig"),
		"GIT_CEILING_DIRECTORIES":     filepath.Dir(env.WorkDir),
		"GIT_AUTHOR_NAME":             "A",
		"GIT_AUTHOR_EMAIL":            "a@example.com",
		"GIT_COMMITTER_NAME":          "A",
		"GIT_COMMITTER_EMAIL":         "a@example.com",
		"AWS_EC2_METADATA_DISABLED":   "true",
		"GORACE":                      strings.TrimPrefix(quickRace, "GORACE="),
		"AWS_CONFIG_FILE":             filepath.Join(home, ".aws", "config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, ".aws", "credentials"),
	} {
		env.Setenv(name, value)
	}
	gitconfig := "[init]\n\tdefaultBranch = main\n[core]\n\tautocrlf = false\n"
	return os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(gitconfig), 0o644)
}

// harness is what the scripts' commands share.
type harness struct{ key *rsa.PrivateKey }

// localAWS starts a server that ends with the script.
func localAWS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: localaws")
	}
	server, err := localaws.Open(localaws.Options{
		Dir: ts.MkAbs(filepath.Join(ts.Getenv("WORK"), ".localaws")), Settle: time.Millisecond,
	})
	ts.Check(err)
	web := httptest.NewServer(leaktest.KeepRequests(ts.Getenv(leaktest.Variable), server))
	ts.Defer(func() {
		web.Close()
		ts.Check(server.Close())
	})
	ts.SetCmd("calls", func(ts *testscript.TestScript, neg bool, args []string) { calls(ts, server, neg, args) })
	ts.SetCmd("disable", disable)
	ts.Setenv("AWS_ENDPOINT_URL", web.URL)
	ts.Setenv("AWS_REGION", "us-east-2")
	ts.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "local")
}

// calls prints, counts or forgets the calls of a script's local AWS.
func calls(ts *testscript.TestScript, server *localaws.Server, neg bool, args []string) {
	made := server.Calls()
	switch {
	case neg:
		ts.Fatalf("usage: calls [-reset | OP=N...]")
	case len(args) == 0:
		ts.Check(json.NewEncoder(ts.Stdout()).Encode(made))
		return
	case args[0] == "-reset":
		r := httptest.NewRequest("DELETE", "/_localaws/calls", nil)
		server.ServeHTTP(httptest.NewRecorder(), r)
		return
	}
	counts := map[string]int{"all": len(made)}
	for _, call := range made {
		counts[call.Service+":"+call.Operation]++
		if call.Mutating {
			counts["mutating"]++
		}
	}
	for _, arg := range args {
		operation, number, _ := strings.Cut(arg, "=")
		want, err := strconv.Atoi(number)
		ts.Check(err)
		if counts[operation] != want {
			ts.Fatalf("%d calls of %s, want %d; all: %v", counts[operation], operation, want, counts)
		}
	}
}

// sealingKey writes what init would write for an RSA key, without a KMS.
func (h harness) sealingKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sealing-key DIR")
	}
	der, err := x509.MarshalPKIXPublicKey(&h.key.PublicKey)
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(os.WriteFile(filepath.Join(dir, ".sealift.yaml"), []byte(offlineSettings), 0o644))
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	ts.Check(os.WriteFile(filepath.Join(dir, "sealift-sealing.pem"), block, 0o644))
}

// opens unseals one value of a manifest and compares it with a file, byte by byte.
func (h harness) opens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: opens FILE NAME WANT")
	}
	config, err := v1alpha1.Decode(args[0], []byte(ts.ReadFile(args[0])))
	ts.Check(err)
	sealed, err := envelope.ParseSealed(config.Spec.Sealed[args[1]])
	ts.Check(err)
	contentKey, err := h.unwrap(ts, sealed)
	ts.Check(err)
	got, err := sealed.Open(envelope.Scope{Namespace: config.Namespace, Name: config.Name, Key: args[1]}, contentKey)
	ts.Check(err)
	if want := ts.ReadFile(args[2]); string(got.Reveal()) != want {
		ts.Fatalf("%s opens as %q, want %q", args[1], got.Reveal(), want)
	}
}

// unwrap unwraps a content key with the offline key or, for any other, with KMS.
func (h harness) unwrap(ts *testscript.TestScript, sealed envelope.Sealed) ([]byte, error) {
	if sealed.KeyID() == offlineKey {
		return rsa.DecryptOAEP(sha256.New(), nil, h.key, sealed.WrappedKey(), nil)
	}
	return awskms.New(awsConfig(ts)).Decrypt(context.Background(), sealed)
}

// awsConfig is that of a script's environment.
func awsConfig(ts *testscript.TestScript) aws.Config {
	return aws.Config{
		Region:       ts.Getenv("AWS_REGION"),
		BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials:  credentials.NewStaticCredentialsProvider(ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ts.Getenv("AWS_SESSION_TOKEN")),
	}
}

func disable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: disable FILE")
	}
	key, err := arn.Parse(ts.ReadFile(args[0]))
	ts.Check(err)
	cfg := awsConfig(ts)
	cfg.Region = key.Region
	_, err = kms.NewFromConfig(cfg).DisableKey(context.Background(), &kms.DisableKeyInput{KeyId: aws.String(key.String())})
	ts.Check(err)
}

// anywhere looks for a text in all files that a script left, in the forms that
// spellings knows, and inside git objects and zip files too.
func anywhere(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || len(args[0]) < 6 {
		ts.Fatalf("usage: [!] anywhere TEXT, of 6 bytes at least")
	}
	var found []string
	err := filepath.WalkDir(ts.Getenv("WORK"), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(name, ".secret") {
			return err
		}
		data, err := os.ReadFile(name)
		if holds(data, args[0]) {
			found = append(found, name)
		}
		return err
	})
	ts.Check(err)
	if (len(found) > 0) == neg {
		ts.Fatalf("%q is in %d files: %s", args[0], len(found), strings.Join(found, ", "))
	}
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE PERM")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	want, err := strconv.ParseUint(args[1], 8, 32)
	ts.Check(err)
	if got := info.Mode(); got != fs.FileMode(want) {
		ts.Fatalf("%s has the mode %v, want %v", args[0], got, fs.FileMode(want))
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS CMD...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", args[1], got, want)
	}
}
