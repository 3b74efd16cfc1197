package cli_test

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/localaws"
)

// What Lambda refuses of a package or a layer is no fault of a config that writes neither,
// and a runtime without a reader is none where the exec wrapper opens the bundle.
func TestDoctorKnowsTheDelivery(t *testing.T) {
	server, err := localaws.Open(localaws.Options{Settle: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	o := &otherAnswers{aws: server}
	web := httptest.NewServer(o)
	defer web.Close()
	functions := lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if err := create(functions, "hello", nil); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, web.URL)
	s.settle()
	text := regexp.MustCompile(`(?m)^  package:.*\n(    .*\n)*`).ReplaceAllString(s.read("manifests/hello.yaml"), "")
	environment := text + "  bundle: {delivery: environment}\n"
	wrapper := text + "  bundle: {delivery: layer, wrapper: \"arn:aws:lambda:us-east-2:000000000000:layer:sealift-exec-amd64:1\"}\n"
	for _, test := range []struct {
		name, manifest string
		rewrite        [2]string
		answers        map[string]string
		want           string
	}{
		{"image", environment, [2]string{`"PackageType":"Zip"`, `"PackageType":"Image"`}, nil, "ok         package       payments/hello: a container image, and the bundle goes into the environment\n"},
		{"signatures are enforced", environment, [2]string{}, map[string]string{
			"/functions/hello/code-signing-config": `{"CodeSigningConfigArn":"arn:aws:lambda:us-east-2:000000000000:code-signing-config:csc-0123456789abcdef0"}`,
			"/code-signing-configs/":               `{"CodeSigningConfig":{"CodeSigningPolicies":{"UntrustedArtifactOnDeployment":"Enforce"}}}`,
		}, "ok         code signing  payments/hello: Lambda refuses packages and layers without a signature, and none is written\n"},
		{"another deployer", environment, [2]string{}, map[string]string{"/tags/": `{"Tags":{"aws:cloudformation:stack-name":"x"}}`},
			"ok         deployers     payments/hello: CloudFormation deploys the function, and its code stays as it is\n"},
		{"wrapper", wrapper, [2]string{`"provided.al2023"`, `"ruby3.4"`}, nil, "ok         runtime       payments/hello: ruby3.4: started by the exec wrapper of spec.bundle.wrapper\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.t = t
			s.write("manifests/hello.yaml", test.manifest)
			o.set(0, test.rewrite, test.answers)
			defer o.set(0, [2]string{}, nil)
			if out := s.run(0, "", "sealift doctor"); !strings.Contains(out, test.want) || strings.Contains(out, "\nfail ") {
				t.Errorf("want %q in:\n%s", test.want, out)
			}
		})
	}
}
