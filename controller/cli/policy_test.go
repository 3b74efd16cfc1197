package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws"
)

// iamCall is a call as IAM decides on it.
type iamCall struct {
	action, resource string
	context          map[string]string // KMS's encryption context
}

func (c iamCall) String() string {
	return fmt.Sprintf("%s on %s with %v", c.action, c.resource, c.context)
}

// iamPolicy is a policy document as this test reads it.
type iamPolicy struct {
	Statement []struct {
		Effect           string
		Action, Resource []string
		Condition        map[string]map[string][]string
	}
}

// allows evaluates the policy as IAM does, as far as sealift's policies go: a resource
// may end in ":*", which matches any text; StringEquals wants each key to be in the
// request with one of the values.
func (p iamPolicy) allows(call iamCall) bool {
	for _, s := range p.Statement {
		matches := slices.ContainsFunc(s.Resource, func(r string) bool {
			prefix, open := strings.CutSuffix(r, "*")
			return r == call.resource || open && strings.HasPrefix(call.resource, prefix)
		})
		for key, values := range s.Condition["StringEquals"] {
			got, has := call.context[strings.TrimPrefix(key, "kms:EncryptionContext:")]
			matches = matches && has && slices.Contains(values, got)
		}
		if matches && s.Effect == "Allow" && slices.Contains(s.Action, call.action) {
			return true
		}
	}
	return false
}

// iamRecorder notes the calls that a local AWS is asked, one at a time.
type iamRecorder struct {
	aws   *localaws.Server
	mu    sync.Mutex
	calls []iamCall
}

func (r *iamRecorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	query, path := req.URL.Query(), strings.Split(req.URL.Path, "/")
	before := len(r.aws.Calls())
	r.aws.ServeHTTP(w, req)
	made := r.aws.Calls()[before:]
	if len(made) != 1 {
		return // the download of a package, which its URL allows
	}
	call := iamCall{action: made[0].Service + ":" + made[0].Operation, resource: made[0].Resource}
	if made[0].Service == "lambda" {
		call.resource = functionResource(made[0].Region, path, query)
	}
	var input struct{ EncryptionContext map[string]string }
	_ = json.Unmarshal(body, &input) // of Lambda it may be anything
	call.context = input.EncryptionContext
	r.calls = append(r.calls, call)
}

// functionResource is what a call of Lambda is on: the function, or what its qualifier
// names (https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html).
func functionResource(region string, path []string, query url.Values) string {
	if len(path) < 4 {
		return "" // of no one function
	}
	arn := "arn:aws:lambda:" + region + ":000000000000:function:" + path[3]
	if q := query.Get("Qualifier"); q != "" {
		arn += ":" + q
	}
	return arn
}

func (r *iamRecorder) taken() []iamCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// TestOperatorPolicy applies, changes and rotates a config with values under keys of
// both kinds, and evaluates the generated policy for each call that this made.
func TestOperatorPolicy(t *testing.T) {
	server, err := localaws.Open(localaws.Options{Settle: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	recorder := &iamRecorder{aws: server}
	web := httptest.NewServer(seen(t, recorder))
	defer web.Close()
	if err := create(lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}), "hello", nil); err != nil {
		t.Fatal(err)
	}
	keys := kms.New(kms.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	symmetric, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, web.URL)
	s.settle()
	var listed []struct{ ARN string }
	if err := json.Unmarshal([]byte(s.run(0, "", "sealift keys list -o json")), &listed); err != nil {
		t.Fatal(err)
	}
	sealing, bundle, online := listed[0].ARN, listed[1].ARN, aws.ToString(symmetric.KeyMetadata.Arn)
	settings := "sealingKeys:\n  - arn: " + online + "\n  - arn: " + sealing + "\n    publicKey: sealift-sealing.pem\nbundleKey: " + bundle + "\nregion: us-east-2\n"
	s.write(".sealift.yaml", settings)
	s.run(0, "policy-canary", "sealift seal -f manifests/hello.yaml ONLINE")
	sealed := recorder.taken()
	s.run(0, "", "git commit -qam two")

	var operator, author, function iamPolicy
	for who, to := range map[string]*iamPolicy{"operator": &operator, "author": &author, "function": &function} {
		if err := json.Unmarshal([]byte(s.run(0, "", "sealift policy "+who)), to); err != nil {
			t.Fatal(err)
		}
	}
	if calls := recorder.taken(); len(calls) > 0 {
		t.Errorf("policy asked AWS: %v", calls)
	}
	for _, line := range []string{"sealift diff", "sealift apply", "sealift rotate", "sealift status"} {
		status := 0
		if line == "sealift diff" {
			status = 1
		}
		s.run(status, "", line)
	}
	s.run(0, "", "sealift rollback payments/hello")
	used := make(map[string]bool)
	for _, call := range recorder.taken() {
		if call.action == "kms:DescribeKey" {
			continue // rollback looks whether a bundle's key is enabled as far as it may
		}
		if used[call.action] = true; !operator.allows(call) {
			t.Errorf("the operator is denied %s", call)
		}
	}
	granted := make(map[string]bool)
	for _, st := range operator.Statement {
		for _, action := range st.Action {
			granted[action] = true
		}
	}
	used["lambda:GetFunctionCodeSigningConfig"] = true // of functions whose package is signed, and this one's is not
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(granted))); diff != "" {
		t.Errorf("actions (-used +granted):\n%s", diff)
	}
	last := sealed[len(sealed)-1]
	if last.action != "kms:GenerateDataKey" || !author.allows(last) || operator.allows(last) || function.allows(last) {
		t.Errorf("sealing: %s: author %t, operator %t, function %t", last, author.allows(last), operator.allows(last), function.allows(last))
	}

	hello := "arn:aws:lambda:us-east-2:000000000000:function:hello"
	uses := func(fn, region, use string) map[string]string {
		return map[string]string{"sealift:use": use, "sealift:fn": fn, "sealift:region": region}
	}
	scope := func(ns, name string) map[string]string {
		return map[string]string{"sealift:use": "seal", "sealift:ns": ns, "sealift:name": name}
	}
	own := iamCall{"kms:Decrypt", bundle, uses("hello", "us-east-2", "bundle")}
	if !function.allows(own) {
		t.Error("the function is denied its own bundle")
	}
	for who, cases := range map[*iamPolicy][]iamCall{
		&operator: {
			own, {"kms:Decrypt", bundle, nil}, {"kms:Decrypt", online, nil}, {"kms:Decrypt", online, scope("other", "hello")}, {"kms:Decrypt", online, scope("payments", "other")},
			{"kms:GenerateDataKey", bundle, uses("other", "us-east-2", "bundle")}, {"kms:GenerateDataKey", bundle, uses("hello", "eu-west-1", "bundle")},
			{"kms:GenerateDataKey", bundle, uses("hello", "us-east-2", "seal")}, {"kms:GenerateDataKey", bundle, nil}, {"kms:GenerateDataKey", sealing, uses("hello", "us-east-2", "bundle")},
			{"kms:GenerateDataKey", online, scope("payments", "hello")}, {"kms:ReEncryptFrom", sealing, nil}, {"kms:Encrypt", bundle, own.context}, {"kms:ScheduleKeyDeletion", bundle, nil},
			{"lambda:UpdateFunctionCode", hello + "2", nil}, {"lambda:UpdateFunctionCode", strings.Replace(hello, "us-east-2", "us-west-2", 1), nil},
			{"lambda:UpdateFunctionCode", strings.Replace(hello, "000000000000", "111122223333", 1), nil}, {"lambda:GetFunction", hello + "2:live", nil},
			{"lambda:InvokeFunction", hello, nil}, {"lambda:InvokeFunction", hello + ":live", nil}, {"lambda:DeleteFunction", hello, nil}, {"lambda:DeleteFunction", hello + ":1", nil},
			{"lambda:AddPermission", hello, nil}, {"lambda:DeleteAlias", hello + ":live", nil}, {"iam:PassRole", "arn:aws:iam::000000000000:role/r", nil},
		},
		&author:   {own, {"kms:Decrypt", online, scope("payments", "hello")}, {"kms:GenerateDataKey", online, scope("payments", "other")}, {"kms:GenerateDataKey", online, nil}, {"kms:GenerateDataKey", bundle, nil}},
		&function: {{"kms:Decrypt", bundle, nil}, {"kms:Decrypt", bundle, uses("other", "us-east-2", "bundle")}, {"kms:Decrypt", online, scope("payments", "hello")}, {"kms:Decrypt", sealing, nil}, {"kms:GenerateDataKey", bundle, own.context}},
	} {
		for _, call := range cases {
			if who.allows(call) {
				t.Errorf("allowed: %s", call)
			}
		}
	}
	for _, action := range []string{"lambda:GetAlias", "lambda:CreateAlias", "lambda:UpdateAlias"} {
		if !operator.allows(iamCall{action, hello + ":live", nil}) {
			t.Errorf("the operator is denied %s on the alias", action)
		}
	}
}
