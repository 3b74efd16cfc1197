package controller_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awss3"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
	"sealift.dev/sealift/hack/leaktest"
)

const (
	region     = "us-east-2"
	bundleFile = "sealed-config.jwe"
	canary     = "SEALIFTCANARY-3c1f7e"
)

// fixture is a repository of commits in memory, a local AWS with one function, and
// a Reconciler between them.
type fixture struct {
	t       *testing.T
	aws     *localaws.Server
	mu      sync.Mutex             // of before
	before  func(operation string) // called ahead of each Lambda or KMS call
	faults  *localaws.Faults       // of these calls
	lambda  *lambda.Client
	kms     *awskms.Client
	s3      *awss3.Client
	objects *s3.Client // that a build uses, where one does
	sealing string     // ARN of the key to seal with
	trusted []string
	bundle  string // ARN
	uploads *uploads
	log     bytes.Buffer
	logger  *slog.Logger // to log
	leaks   *leaktest.Watch
	r       reconciler
	commits sync.Map // commit by id
}

func newFixture(t *testing.T, edits ...func(*aws.Config)) *fixture {
	t.Helper()
	server, err := localaws.Open(localaws.Options{Now: time.Now, Settle: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, aws: server, uploads: &uploads{}, before: func(string) {}, faults: &localaws.Faults{}, leaks: leaktest.At(t, exceptions()...)}
	faulty := f.faults.Over(server)
	watched := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		before := f.before
		f.mu.Unlock()
		before(operation(r))
		faulty.ServeHTTP(w, r)
	})
	seen := f.leaks.Requests(watched)
	cfg := awstest.Config(seen, region)
	for _, edit := range edits {
		edit(&cfg)
	}
	theirs := func(o *lambda.Options) { o.HTTPClient = awstest.Client(watched) } // what somebody else sends
	f.lambda, f.kms = lambda.NewFromConfig(cfg, theirs), awskms.New(cfg)
	f.s3 = awss3.New(cfg, nil)
	f.sealing = f.key("alias/sealift-sealing").ARN
	f.trusted = []string{f.sealing}
	f.bundle = f.key("alias/sealift-bundle").ARN
	f.createFunction("hello")
	f.logger = slog.New(slog.NewTextHandler(io.MultiWriter(&f.log, f.leaks.Sink("the log")), &slog.HandlerOptions{Level: slog.LevelDebug}))
	functions := awslambda.New(cfg, awslambda.Options{HTTP: awstest.Client(seen)})
	f.r = reconciler{f.reconciler(functions), f.leaks}
	return f
}

// reconciler returns one over functions.
func (f *fixture) reconciler(functions *awslambda.Client) *controller.Reconciler {
	return f.reconcilerWith(functions, f.kms, f.uploads)
}

// reconcilerWith returns one that asks keys, and has a memory of its own.
func (f *fixture) reconcilerWith(functions *awslambda.Client, keys *awskms.Client, memory *uploads) *controller.Reconciler {
	return controller.New(controller.Options{
		Observer: functions, Downloader: functions, Writer: functions, Releaser: functions, Canary: functions, Layers: functions, Signing: functions, Published: functions, Cleaner: functions, Keys: keys, Uploads: memory, Objects: f.s3,
		Rand: rand.Reader, Now: time.Now, Log: f.logger,
	})
}

// intercept has before called from now on, while others make calls.
func (f *fixture) intercept(before func(operation string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

// uploads is a controller.Uploads in memory.
type uploads struct{ byFunction sync.Map }

func (u *uploads) Last(function string) *plan.Marker {
	if m, found := u.byFunction.Load(function); found {
		last := m.(plan.Marker)
		return &last
	}
	return nil
}

func (u *uploads) Remember(function string, m plan.Marker) error {
	u.byFunction.Store(function, m)
	return nil
}

// operation names the call that a request makes, as far as tests tell them apart.
func operation(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return strings.TrimPrefix(target, "TrentService.")
	}
	return r.Method + " " + r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
}

// Symmetric sealing keeps the tests free of RSA keys, which take long to make.
func (f *fixture) key(alias string) awskms.Key {
	f.t.Helper()
	key, _, err := f.kms.EnsureKey(context.Background(), awskms.Spec{Alias: alias})
	if err != nil {
		f.t.Fatal(err)
	}
	return key
}

func (f *fixture) createFunction(name string) {
	f.t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(fstest.MapFS{"bootstrap": {Data: []byte("first"), Mode: 0o755}}), w.Close()); err != nil {
		f.t.Fatal(err)
	}
	_, err := f.lambda.CreateFunction(f.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Role: aws.String("arn:aws:iam::000000000000:role/r"), Code: &types.FunctionCode{ZipFile: b.Bytes()},
		Environment: &types.Environment{Variables: map[string]string{"FOREIGN": "kept"}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// seal returns the manifest lines of spec.sealed, all sealed under one data key.
func (f *fixture) seal(name string, values map[string]string) map[string]string {
	f.t.Helper()
	key, err := f.kms.GenerateDataKey(f.t.Context(), region, f.sealing, envelope.SealingContext("payments", name))
	if err != nil {
		f.t.Fatal(err)
	}
	sealer, err := envelope.NewOnlineSealer(rand.Reader, "payments", name, key)
	if err != nil {
		f.t.Fatal(err)
	}
	defer sealer.Close()
	sealed := map[string]string{}
	for key, value := range values {
		f.leaks.Secret(value, value)
		at := envelope.Scope{Namespace: "payments", Name: name, Key: key}
		if sealed[key], err = sealer.Seal(at, envelope.NewSecret([]byte(value))); err != nil {
			f.t.Fatal(err)
		}
	}
	return sealed
}

// manifest is a SealedConfig as a file.
type manifest struct {
	name, function, kmsKey string
	maxAge                 string // of the bundle, or ""
	env, sealed            map[string]string
	patch                  bool   // no spec.package
	pkg                    string // spec.package, or "" for a folder
	delivery               string // of the bundle, or ""
	path                   string // of the bundle, or ""; one of the format openssl-aes-256-ctr ends in .json.enc
	noAlias                bool
	allow                  string // a pattern of spec.package.allow, or ""
	keep                   int    // versions that are kept, or 0 for all
	more                   string // lines below spec, as "  suspend: true\n"
}

func (m manifest) file() *fstest.MapFile {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: %s, namespace: payments}\nspec:\n", m.name)
	alias := ", alias: live"
	if m.noAlias {
		alias = ""
	}
	if m.keep > 0 {
		alias += fmt.Sprintf(", keepVersions: %d", m.keep)
	}
	fmt.Fprintf(&b, "  function: {name: %s, region: us-east-2%s}\n", m.function, alias)
	if m.pkg != "" {
		fmt.Fprintf(&b, "  package: %s\n", m.pkg)
	} else if !m.patch {
		fmt.Fprintf(&b, "  package: {path: ../functions/hello, allow: [%s]}\n", m.allow)
	}
	fmt.Fprintf(&b, "  bundle: {kmsKey: %q", m.kmsKey)
	if m.maxAge != "" {
		fmt.Fprintf(&b, ", maxAge: %s", m.maxAge)
	}
	if m.delivery != "" {
		fmt.Fprintf(&b, ", delivery: %s", m.delivery)
	}
	if m.path != "" {
		fmt.Fprintf(&b, ", path: %s", m.path)
	}
	if strings.HasSuffix(m.path, v1alpha1.OpenSSLSuffix) {
		fmt.Fprintf(&b, ", format: %s", v1alpha1.FormatOpenSSL)
	}
	b.WriteString("}\n")
	b.WriteString(m.more)
	for section, values := range map[string]map[string]string{"environment": m.env, "sealed": m.sealed} {
		if len(values) > 0 {
			fmt.Fprintf(&b, "  %s:\n", section)
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&b, "    %s: %q\n", key, values[key])
		}
	}
	return &fstest.MapFile{Data: []byte(b.String()), Mode: 0o644}
}

// commit is a commit in memory.
type commit struct {
	id      string
	files   fstest.MapFS
	parents []commit
}

func (c commit) DescendsFrom(ctx context.Context, revision string) (bool, error) {
	return slices.ContainsFunc(c.parents, func(p commit) bool {
		further, _ := p.DescendsFrom(ctx, revision)
		return p.id == revision || further
	}), nil
}

func (c commit) Revision() string { return c.id }

func (c commit) Sub(_ context.Context, dir string) (fs.FS, error) {
	if _, err := fs.Stat(c.files, dir); err != nil {
		return nil, err
	}
	return fs.Sub(c.files, dir)
}

func (c commit) TreeID(dir string) (string, error) {
	h := sha1.New()
	err := fs.WalkDir(c.files, dir, func(name string, _ fs.DirEntry, err error) error {
		if f := c.files[name]; f != nil {
			fmt.Fprintf(h, "%s %s %x\n", name, f.Mode, f.Data)
		}
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

func (c commit) BlobID(name string) (string, error) {
	file, found := c.files[name]
	if !found {
		return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return fmt.Sprintf("%x", sha1.Sum(file.Data)), nil
}

// revision makes a commit of code and manifests.
func (f *fixture) revision(code string, manifests ...manifest) commit {
	f.t.Helper()
	files := fstest.MapFS{"functions/hello/bootstrap": {Data: []byte(code), Mode: 0o755}, "functions/hello/lib/data.txt": {Data: []byte("data")}}
	for _, m := range manifests {
		files["manifests/"+m.name+".yaml"] = m.file()
	}
	return f.register(commit{files: files})
}

// register gives a commit its id and makes it part of the history.
func (f *fixture) register(c commit) commit {
	f.t.Helper()
	tree, err := c.TreeID(".")
	if err != nil {
		f.t.Fatal(err)
	}
	c.id = tree
	f.commits.Store(c.id, c)
	return c
}

func (f *fixture) history(_ context.Context, revision string) (controller.Commit, error) {
	if c, found := f.commits.Load(revision); found {
		return c.(commit), nil
	}
	return nil, fs.ErrNotExist
}

// commit makes a commit of code and manifests and returns its targets.
func (f *fixture) commit(code string, manifests ...manifest) []controller.Target {
	f.t.Helper()
	targets, err := controller.Load(f.t.Context(), f.revision(code, manifests...), f.history, controller.Selection{Paths: []string{"manifests"}})
	if err != nil {
		f.t.Fatal(err)
	}
	return targets
}

// apply applies one target that has to succeed, and returns the calls it made.
func (f *fixture) apply(t controller.Target) (controller.Result, []string) {
	f.t.Helper()
	earlier := len(f.aws.Calls())
	result, err := f.r.Apply(f.t.Context(), t, f.trusted)
	if err != nil {
		f.t.Fatal(err)
	}
	return result, f.callsSince(earlier)
}

// callsSince lists the calls that change something or go to KMS.
func (f *fixture) callsSince(earlier int) []string {
	var calls []string
	for _, c := range f.aws.Calls()[earlier:] {
		if c.Mutating || c.Service == "kms" {
			calls = append(calls, strings.TrimSpace(c.Operation+" "+c.Code))
		}
	}
	return calls
}

// live returns the package and environment of the version that the alias names.
func (f *fixture) live(function string) (version string, zipped []byte, env map[string]string) {
	f.t.Helper()
	out, err := f.lambda.GetFunction(f.t.Context(), &lambda.GetFunctionInput{FunctionName: &function, Qualifier: aws.String("live")})
	if err != nil {
		f.t.Fatal(err)
	}
	functions := awslambda.New(awstest.Config(f.aws, region), awslambda.Options{HTTP: awstest.Client(f.aws)})
	obs, err := functions.Observe(f.t.Context(), function, "live")
	if err != nil {
		f.t.Fatal(err)
	}
	var data bytes.Buffer
	if err := functions.Package(f.t.Context(), *obs.Live, &data, pack.MaxStaged); err != nil {
		f.t.Fatal(err)
	}
	return *out.Configuration.Version, data.Bytes(), out.Configuration.Environment.Variables
}

// open opens the bundle of a package as the function would.
func (f *fixture) open(function string, zipped []byte) (map[string]string, envelope.Bundle) {
	f.t.Helper()
	data, err := pack.ReadEntry(bytes.NewReader(zipped), bundleFile, envelope.MaxBundleSize)
	if err != nil {
		f.t.Fatal(err)
	}
	bundle, err := envelope.ParseBundle(data)
	if err != nil {
		f.t.Fatal(err)
	}
	to := envelope.Consumer{Region: region, Function: function}
	key, err := f.unwrap(bundle, to)
	if err != nil {
		f.t.Fatal(err)
	}
	secrets, err := bundle.Open(to, key)
	if err != nil {
		f.t.Fatal(err)
	}
	values := map[string]string{}
	for name, secret := range secrets {
		values[name] = string(secret.Reveal())
	}
	return values, bundle
}

// unwrap asks KMS as the function to does.
func (f *fixture) unwrap(bundle envelope.Bundle, to envelope.Consumer) ([]byte, error) {
	keyID := bundle.KeyID()
	out, err := kms.NewFromConfig(awstest.Config(f.aws, region)).Decrypt(f.t.Context(), &kms.DecryptInput{
		KeyId: &keyID, CiphertextBlob: bundle.WrappedKey(), EncryptionContext: to.EncryptionContext(),
	})
	if err != nil {
		return nil, err
	}
	return out.Plaintext, nil
}

// entries returns the names of a package's entries, sorted.
func (f *fixture) entries(zipped []byte) []string {
	f.t.Helper()
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	for _, file := range r.File {
		names = append(names, file.Name)
	}
	slices.Sort(names)
	return names
}
