package localaws_test

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sealift.dev/sealift/controller/internal/localaws"
)

func kmsClient(server *localaws.Server) *kms.Client {
	return kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String("http://aws.test"), Credentials: keys(), RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: transport{server}},
	})
}

func lambdaClient(server *localaws.Server) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: region, BaseEndpoint: aws.String("http://aws.test"), Credentials: keys(), RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: transport{server}},
	})
}

func createFunction(t *testing.T, c *lambda.Client, name string) {
	t.Helper()
	_, err := c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Environment: &lambdatypes.Environment{},
		Role: aws.String("arn:aws:iam::000000000000:role/hello"), Code: &lambdatypes.FunctionCode{ZipFile: archive(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// everything is what a folder holds, as the API shows it.
type everything struct {
	Aliases         []kmstypes.AliasListEntry
	Rotation        bool
	Plaintext       []byte
	Tags            []kmstypes.Tag
	Policy          string
	FunctionTags    map[string]string
	Versions        []lambdatypes.FunctionConfiguration
	FunctionAliases []lambdatypes.AliasConfiguration
	Latest          lambdatypes.FunctionConfiguration
}

func TestRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	options := localaws.Options{Dir: dir, Now: func() time.Time { return now }}
	server, err := localaws.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	k, l := kmsClient(server), lambdaClient(server)
	created, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := created.KeyMetadata.KeyId
	if _, err := k.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.TagResource(t.Context(), &kms.TagResourceInput{KeyId: id, Tags: []kmstypes.Tag{{TagKey: aws.String("team"), TagValue: aws.String("payments")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: id, Policy: aws.String(`{"Statement":[]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	dataKey, err := k.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: id, KeySpec: kmstypes.DataKeySpecAes256})
	if err != nil {
		t.Fatal(err)
	}
	createFunction(t, l, "hello")
	createFunction(t, l, "Hello") // another function, also where the file system ignores case
	if _, err := l.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello")}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.TagResource(t.Context(), &lambda.TagResourceInput{Resource: aws.String("arn:aws:lambda:us-east-2:000000000000:function:hello"), Tags: map[string]string{"team": "payments"}}); err != nil {
		t.Fatal(err)
	}
	observe := func(server *localaws.Server) (e everything) {
		t.Helper()
		k, l := kmsClient(server), lambdaClient(server)
		aliases, err1 := k.ListAliases(t.Context(), &kms.ListAliasesInput{})
		rotation, err2 := k.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: id})
		opened, err3 := k.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: dataKey.CiphertextBlob})
		versions, err4 := l.ListVersionsByFunction(t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("hello")})
		names, err5 := l.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: aws.String("hello")})
		latest, err6 := l.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("Hello")})
		tags, err7 := k.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: id})
		policy, err8 := k.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: id})
		functionTags, err9 := l.ListTags(t.Context(), &lambda.ListTagsInput{Resource: aws.String("arn:aws:lambda:us-east-2:000000000000:function:hello")})
		if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9); err != nil {
			t.Fatal(err)
		}
		return everything{
			Aliases: aliases.Aliases, Rotation: rotation.KeyRotationEnabled, Plaintext: opened.Plaintext, Tags: tags.Tags, Policy: *policy.Policy,
			FunctionTags: functionTags.Tags, Versions: versions.Versions, FunctionAliases: names.Aliases, Latest: *latest.Configuration,
		}
	}
	before := observe(server)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	after := observe(open(t, options))
	if diff := cmp.Diff(before, after, cmpopts.IgnoreUnexported(
		kmstypes.AliasListEntry{}, kmstypes.Tag{}, lambdatypes.FunctionConfiguration{}, lambdatypes.AliasConfiguration{}, lambdatypes.EphemeralStorage{},
		lambdatypes.LoggingConfig{}, lambdatypes.SnapStartResponse{}, lambdatypes.TracingConfigResponse{}, lambdatypes.EnvironmentResponse{})); diff != "" {
		t.Errorf("after a restart (-before +after):\n%s", diff)
	}
	if len(before.Versions) != 2 || len(before.FunctionAliases) != 1 || !before.Rotation || len(before.Tags) != 1 || before.Policy != `{"Statement":[]}` || before.FunctionTags["team"] != "payments" {
		t.Errorf("before: %+v", before)
	}
	wantModes(t, dir)
}

// wantModes checks that nobody else reads key material.
func wantModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %s, want %s", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, localaws.Options{Dir: dir})
	_, err := localaws.Open(localaws.Options{Dir: dir})
	if !errors.Is(err, localaws.ErrInUse) {
		t.Fatalf("got %v", err)
	}
	if want := "open local AWS: open state folder " + dir + ": the folder is in use by another process"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

// files lists the state of a folder, without its lock.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != "lock" {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestDamagedState(t *testing.T) {
	dir := t.TempDir()
	server, err := localaws.Open(localaws.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	k := kmsClient(server)
	created, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := aws.ToString(created.KeyMetadata.KeyId)
	if _, err := k.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: &id}); err != nil {
		t.Fatal(err)
	}
	createFunction(t, lambdaClient(server), "hello")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	keyFile, functionFile := "kms/us-east-2/keys/"+id+".json", "lambda/us-east-2/hello/function.json"
	var packageFile string
	for _, name := range files(t, dir) {
		if strings.HasSuffix(name, ".zip") {
			packageFile = name
		}
	}
	for _, test := range []struct{ name, file, old, new, message string }{
		{"key cut", keyFile, "}", "", "open local AWS: state " + keyFile + " is damaged: unexpected end of JSON input"},
		{"key of another state", keyFile, `"State":"Enabled"`, `"State":"Odd"`, "open local AWS: state " + keyFile + ` is damaged: unknown key state "Odd"`},
		{"key of another spec", keyFile, "SYMMETRIC_DEFAULT", "RSA_3072", "open local AWS: state " + keyFile + " is damaged: the key material is not PKCS #8"},
		{"key of another name", keyFile, id, "11111111-2222-4333-8444-555555555555", "open local AWS: state " + keyFile + " is damaged: the document does not belong here"},
		{"aliases", "kms/us-east-2/aliases.json", "{", "", "open local AWS: state kms/us-east-2/aliases.json is damaged: invalid character ':' after top-level value"},
		{"function of another name", functionFile, `"Name":"hello"`, `"Name":"other"`, "open local AWS: state " + functionFile + " is damaged: the document does not belong here"},
		{"no package", packageFile, "", "", "open local AWS: state " + functionFile + " is damaged: " + packageFile + " is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, filepath.FromSlash(test.file))
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Error(err)
				}
			})
			if test.old == "" {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, []byte(strings.Replace(string(content), test.old, test.new, 1)), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			server, err := localaws.Open(localaws.Options{Dir: dir})
			if err == nil {
				t.Fatal("opened", server.Close())
			}
			if err.Error() != test.message {
				t.Errorf("got  %s\nwant %s", err, test.message)
			}
		})
	}
	open(t, localaws.Options{Dir: dir}) // a failed Open gave the lock back, and what was put back opens
}

func TestLeftoversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	server, err := localaws.Open(localaws.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	createFunction(t, lambdaClient(server), "hello")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	want := files(t, dir)
	for _, name := range []string{"lambda/us-east-2/hello/code/00.zip", "kms/1.writing"} { // what a crash may leave
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	server = open(t, localaws.Options{Dir: dir})
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, err := lambdaClient(server).DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("hello")}); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("after the deletion: %v", got)
	}
}

func TestWriteThatFails(t *testing.T) {
	dir := t.TempDir()
	server := open(t, localaws.Options{Dir: dir})
	k := kmsClient(server)
	created, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "kms", region, "aliases.json"), 0o700); err != nil { // no file can take its name
		t.Fatal(err)
	}
	if _, err := k.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: created.KeyMetadata.KeyId}); err == nil {
		t.Fatal("no error")
	}
	out, err := k.ListAliases(t.Context(), &kms.ListAliasesInput{})
	if err != nil || len(out.Aliases) != 0 {
		t.Errorf("a write that failed had an effect: %v, %v", out, err)
	}
	if call := server.Calls()[1]; call.Status != 500 || call.Code != "InternalFailure" {
		t.Errorf("got %+v", call)
	}
}

func TestOpenRefusals(t *testing.T) {
	for _, test := range []struct {
		name    string
		options localaws.Options
		message string
	}{
		{"account", localaws.Options{Account: "1"}, `open local AWS: account "1" is not twelve digits`},
		{"settle", localaws.Options{Settle: -1}, "open local AWS: a negative time to settle, -1ns"},
	} {
		_, err := localaws.Open(test.options)
		if err == nil || err.Error() != test.message {
			t.Errorf("%s: got %v, want %s", test.name, err, test.message)
		}
	}
}

// Many writers at once: of those that expect one RevisionId, exactly one succeeds.
func TestConcurrentWrites(t *testing.T) {
	server := open(t, localaws.Options{Dir: t.TempDir()})
	l := lambdaClient(server)
	createFunction(t, l, "hello")
	got, err := l.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	results := make(chan error, 16)
	for range cap(results) {
		group.Go(func() {
			_, err := l.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Description: aws.String("x"), RevisionId: got.Configuration.RevisionId})
			results <- err
		})
	}
	group.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else if _, ok := errors.AsType[*lambdatypes.PreconditionFailedException](err); !ok {
			t.Errorf("got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

// Layers, and a function's that were deleted, are there after a restart; what no version has is removed, and a content that
// is missing is reported.
func TestRestartWithLayers(t *testing.T) {
	dir := t.TempDir()
	server := open(t, localaws.Options{Dir: dir})
	api := lambdaClient(server)
	createFunction(t, api, "hello")
	for _, description := range []string{"first", "second"} {
		if _, err := api.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: aws.String("Config"), Description: &description, Content: &lambdatypes.LayerVersionContentInput{ZipFile: archive(t)}}); err != nil {
			t.Fatal(err)
		}
	}
	const arn = "arn:aws:lambda:us-east-2:000000000000:layer:Config"
	_, err := api.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Layers: []string{arn + ":1"}})
	if err == nil {
		_, err = api.DeleteLayerVersion(t.Context(), &lambda.DeleteLayerVersionInput{LayerName: aws.String("Config"), VersionNumber: aws.Int64(1)})
	}
	if err = errors.Join(err, server.Close()); err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(dir, "layers", "us-east-2", "%config", "code", strings.Repeat("0", 64)+".zip")
	if err := os.WriteFile(orphan, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server = open(t, localaws.Options{Dir: dir})
	api = lambdaClient(server)
	out, err := api.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")})
	if err != nil || len(out.Configuration.Layers) != 1 || aws.ToString(out.Configuration.Layers[0].Arn) != arn+":1" {
		t.Errorf("%v, %v", out, err)
	}
	list, err := api.ListLayerVersions(t.Context(), &lambda.ListLayerVersionsInput{LayerName: aws.String("Config")})
	if err != nil || len(list.LayerVersions) != 1 || list.LayerVersions[0].Version != 2 || aws.ToString(list.LayerVersions[0].Description) != "second" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := os.Stat(orphan); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the content that no version has: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	contents, err := filepath.Glob(filepath.Join(dir, "layers", "us-east-2", "%config", "code", "*.zip"))
	if err != nil || len(contents) != 1 {
		t.Fatalf("%v, %v", contents, err)
	}
	if err := os.Remove(contents[0]); err != nil {
		t.Fatal(err)
	}
	_, err = localaws.Open(localaws.Options{Dir: dir})
	if want := "open local AWS: state layers/us-east-2/%config/layer.json is damaged: layers/us-east-2/%config/code/" + filepath.Base(contents[0]) + " is missing"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
