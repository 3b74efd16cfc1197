package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/controller/internal/localaws"
)

// otherAnswers answers some calls in a local AWS's place.
type otherAnswers struct {
	aws *localaws.Server

	mu      sync.Mutex
	answers map[string]string // by the end of the path, or KMS's operation: code, or JSON
	late    time.Duration
	rewrite [2]string // in what functions are
}

func (o *otherAnswers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w.Header().Set("Date", time.Now().Add(o.late).UTC().Format(http.TimeFormat))
	target := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	for name, answer := range o.answers {
		switch {
		case name != target && (target != "" || !strings.Contains(r.URL.Path, name)):
		case strings.HasPrefix(answer, "{"):
			fmt.Fprint(w, answer)
			return
		default:
			w.Header().Set("X-Amzn-ErrorType", answer)
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"`+answer+`","message":"doctor-canary"}`)
			return
		}
	}
	if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/functions/") && o.rewrite[0] != "" {
		record := httptest.NewRecorder()
		o.aws.ServeHTTP(record, r)
		w.Header().Set("X-Amzn-ErrorType", record.Header().Get("X-Amzn-ErrorType"))
		w.WriteHeader(record.Code)
		fmt.Fprint(w, strings.ReplaceAll(record.Body.String(), o.rewrite[0], o.rewrite[1]))
		return
	}
	o.aws.ServeHTTP(w, r)
}

func (o *otherAnswers) set(late time.Duration, rewrite [2]string, answers map[string]string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers, o.late, o.rewrite = answers, late, rewrite
}

// TestDoctorFindings has AWS answer what a healthy local one never does.
func TestDoctorFindings(t *testing.T) {
	t.Parallel()
	server, err := localaws.Open(localaws.Options{Settle: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	o := &otherAnswers{aws: server}
	web := httptest.NewServer(seen(t, o))
	defer web.Close()
	static := credentials.NewStaticCredentialsProvider("a", "b", "")
	functions := lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: static})
	keys := kms.New(kms.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: static})
	if err := create(functions, "hello", nil); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, web.URL)
	s.settle()
	s.run(0, "", "sealift apply")
	s.run(0, "", "sealift rotate")

	const config = `{"CodeSigningConfigArn":"arn:aws:lambda:us-east-2:000000000000:code-signing-config:csc-0123456789abcdef0"}`
	signing := func(policy string) map[string]string {
		return map[string]string{"/functions/hello/code-signing-config": config, "/code-signing-configs/": `{"CodeSigningConfig":{"CodeSigningPolicies":{"UntrustedArtifactOnDeployment":"` + policy + `"}}}`}
	}
	tests := []struct {
		name    string
		late    time.Duration
		rewrite [2]string
		answers map[string]string
		status  int
		want    string
	}{
		{"clock a little off", time.Minute, [2]string{}, nil, 0, "warn       clock         about 1m0s off AWS's\n"},
		{"clock off", -time.Hour, [2]string{}, nil, 2, "fail       clock         about 1h0m0s off AWS's; AWS refuses calls that are signed 5m0s off\n                         fix: set the clock, by NTP for example\n"},
		{"signatures are enforced", 0, [2]string{}, signing("Enforce"), 2, "fail       code signing  payments/hello: Lambda refuses packages without a signature, and sealift signs none\n                         fix: take the code signing"},
		{"signatures are noted", 0, [2]string{}, signing("Warn"), 0, "warn       code signing  payments/hello: Lambda notes that the packages have no signature (Warn)\n"},
		{"signing not allowed", 0, [2]string{}, map[string]string{"code-signing-config": "AccessDeniedException"}, 0,
			"unchecked  code signing  payments/hello: not checked: lambda:GetFunctionCodeSigningConfig on arn:aws:lambda:us-east-2:000000000000:function:hello as arn:aws:iam::000000000000:root: access denied\n                         fix: allow lambda:GetFunctionCodeSigningConfig on that function"},
		{"another deployer", 0, [2]string{}, map[string]string{"/tags/": `{"Tags":{"aws:cloudformation:stack-name":"x"}}`}, 0,
			"warn       deployers     payments/hello: CloudFormation deploys the function too, and spec.package would replace its code\n                         fix: leave spec.package out"},
		{"tags not allowed", 0, [2]string{}, map[string]string{"/tags/": "AccessDeniedException"}, 0, "unchecked  deployers     payments/hello: not checked: lambda:ListTags on arn:aws:lambda:us-east-2:000000000000:function:hello as arn:aws:iam::000000000000:root: access denied\n"},
		{"function not allowed", 0, [2]string{}, map[string]string{"/functions/hello": "AccessDeniedException"}, 0, "unchecked  function      payments/hello: not checked: lambda:GetFunction on arn:aws:lambda:us-east-2:000000000000:function:hello as arn:aws:iam::000000000000:root: access denied\n"},
		{"key not allowed", 0, [2]string{}, map[string]string{"DescribeKey": "AccessDeniedException"}, 0, "unchecked  bundle key    alias/sealift-bundle: not checked: kms:DescribeKey on arn:aws:kms:us-east-2:000000000000:alias/sealift-bundle as arn:aws:iam::000000000000:root: access denied\n"},
		{"rotation not allowed", 0, [2]string{}, map[string]string{"GetKeyRotationStatus": "AccessDeniedException"}, 0, "fix: allow kms:GetKeyRotationStatus on that key"},
		{"rotation off", 0, [2]string{}, map[string]string{"GetKeyRotationStatus": `{"KeyRotationEnabled":false}`}, 0, ": KMS does not rotate the key's material\n                         fix: aws kms enable-key-rotation --key-id arn:"},
		{"policy not allowed", 0, [2]string{}, map[string]string{"GetKeyPolicy": "AccessDeniedException"}, 0, "unchecked  key policy    payments/hello: not checked: kms:GetKeyPolicy on arn:"},
		{"key allows nobody", 0, [2]string{}, map[string]string{"GetKeyPolicy": `{"Policy":"{\"Statement\":[]}"}`}, 0, "warn       key policy    payments/hello: it allows neither arn:aws:iam::000000000000:role/r nor its account: only a grant could let the function open its bundle\n"},
		{"key with a Deny", 0, [2]string{}, map[string]string{"GetKeyPolicy": `{"Policy":"{\"Statement\":[{\"Effect\":\"Deny\"}]}"}`}, 0, "unchecked  key policy    payments/hello: not checked: what the key's policy says of the role takes more than reading it\n"},
		{"old Node", 0, [2]string{`"provided.al2023"`, `"nodejs16.x"`}, nil, 2, "fail       runtime       payments/hello: nodejs16.x has no AWS SDK v3, with which the reader asks KMS\n                         fix: move the function to nodejs18.x or later\n"},
		{"Node", 0, [2]string{`"provided.al2023"`, `"nodejs22.x"`}, nil, 0, "ok         runtime       payments/hello: nodejs22.x: `sealift vendor node` puts the reader beside the code\n"},
		{"Python", 0, [2]string{`"provided.al2023"`, `"python3.13"`}, nil, 0, "ok         runtime       payments/hello: python3.13: `sealift vendor python` puts the reader beside the code\n"},
		{"old Python", 0, [2]string{`"provided.al2023"`, `"python3.8"`}, nil, 0, "warn       runtime       payments/hello: there is no reader for python3.8\n"},
		{"another runtime", 0, [2]string{`"provided.al2023"`, `"ruby3.4"`}, nil, 0, "warn       runtime       payments/hello: there is no reader for ruby3.4\n"},
		{"image", 0, [2]string{`"PackageType":"Zip"`, `"PackageType":"Image"`}, nil, 2, "fail       package       payments/hello: a container image, which has no package to put a bundle into and takes no layers\n"},
		{"failed", 0, [2]string{`"State":"Active"`, `"State":"Failed"`}, nil, 2, "fail       function      payments/hello: arn:aws:lambda:us-east-2:000000000000:function:hello is in the state Failed\n"},
		{"in progress", 0, [2]string{`"State":"Active"`, `"State":"Pending"`}, nil, 0, "warn       function      payments/hello: arn:aws:lambda:us-east-2:000000000000:function:hello is being created or updated\n"},
		{"environment not readable", 0, [2]string{`"Variables":`, `"Error":{"ErrorCode":"AccessDeniedException","Message":"doctor-canary"},"Nothing":`}, nil, 2, "fail       plan          payments/hello: the environment of us-east-2/hello can't be read (AccessDeniedException) (EnvironmentUnreadable)\n"},
		{"little room", 0, [2]string{`"Variables":{`, `"Variables":{"DOCTOR":"` + strings.Repeat("doctor-canary", 282) + `",`}, nil, 0, " bytes left of Lambda's 4 KB, with the marker\n                         fix: move values from spec.environment to spec.sealed"},
		{"no room", 0, [2]string{`"Variables":{`, `"Variables":{"DOCTOR":"` + strings.Repeat("doctor-canary", 300) + `",`}, nil, 2, " bytes over Lambda's limit of 4 KB, with the marker\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o.set(test.late, test.rewrite, test.answers)
			defer o.set(0, [2]string{}, nil)
			s.t = t
			if out := s.run(test.status, "", "sealift doctor"); !strings.Contains(out, test.want) || strings.Contains(out, "doctor-canary") {
				t.Errorf("want %q in:\n%s", test.want, out)
			}
		})
	}

	s.t = t
	policy := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:role/r"},"Action":"kms:Decrypt","Resource":"*"}}`
	listed := strings.Fields(s.run(0, "", "sealift keys list"))
	if _, err := keys.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &listed[len(listed)-1], Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	if _, err := functions.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"1": 0.1}}}); err != nil {
		t.Fatal(err)
	}
	out := s.run(2, "", "sealift doctor")
	for _, want := range []string{
		"ok         key policy    payments/hello: it lets arn:aws:iam::000000000000:role/r open the bundle\n",
		"fail       alias         payments/hello: alias live routes calls to two versions\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
}

func TestDeployerOf(t *testing.T) {
	for want, tags := range map[string][]map[string]string{
		"":               {nil, {"team": "terraformers", "managed-by": "hand", "STAGE": "prod"}},
		"CloudFormation": {{"aws:cloudformation:stack-name": "x", "team": "y"}},
		"SAM":            {{"aws:cloudformation:stack-name": "x", "lambda:createdBy": "SAM"}},
		"Serverless":     {{"aws:cloudformation:stack-name": "x", "STAGE": "dev"}},
		"Terraform":      {{"ManagedBy": "Terraform"}, {"terraform": "true"}, {"managed-by": "terraform-cloud"}},
	} {
		for _, one := range tags {
			if got := cli.DeployerOf(one); got != want {
				t.Errorf("%v: %q, want %q", one, got, want)
			}
		}
	}
}
