package cli_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/localaws"
)

// apply says which versions it has deleted, and notes why others are still there.
func TestKeepVersions(t *testing.T) {
	server, err := localaws.Open(localaws.Options{Settle: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	o := &otherAnswers{aws: server}
	web := httptest.NewServer(o)
	defer web.Close()
	if err := create(lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}), "hello", nil); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, web.URL)
	s.settle()
	s.write("manifests/hello.yaml", strings.Replace(s.read("manifests/hello.yaml"), "alias: live", "alias: live\n    keepVersions: 5", 1)+"  bundle: {delivery: layer}\n")
	s.run(0, "", "git commit -qam keep")
	for range 5 {
		s.run(0, "", "sealift rotate")
	}

	o.set(0, [2]string{}, map[string]string{"/provisioned-concurrency": "AccessDeniedException"})
	out := s.run(0, "", "sealift rotate")
	for _, want := range []string{
		"payments/hello: done: alias live names version 6\n",
		"note: payments/hello: versions not cleaned up: no version was deleted: lambda:ListProvisionedConcurrencyConfigs on arn:aws:lambda:us-east-2:000000000000:function:hello as arn:aws:iam::000000000000:root: access denied\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
	o.set(0, [2]string{}, nil)
	if out, want := s.run(0, "", "sealift rotate"), "payments/hello: done: alias live names version 7; versions deleted: 1, 2; layer versions deleted: 1, 2\n"; !strings.Contains(out, want) || strings.Contains(out, "note:") {
		t.Errorf("want %q in:\n%s", want, out)
	}
	out = s.run(0, "", "sealift rotate -o json")
	for _, want := range []string{"\"versionsDeleted\": [\n      \"3\"\n    ]", "\"layerVersionsDeleted\": [\n      3\n    ]"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
	if out := s.run(0, "", "sealift policy operator --resolve"); strings.Count(out, "lambda:DeleteFunction") != 1 {
		t.Errorf("policy:\n%s", out)
	}
}
