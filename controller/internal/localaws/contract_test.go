package localaws_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

// contractCase asks one endpoint about one subject. It says what AWS answers to every request, and must go on when an endpoint
// answers something else: only a failed preparation ends it.
type contractCase struct {
	name string
	run  func(*contract)
}

// contract is one case against one endpoint.
type contract struct {
	*testing.T
	kms    *kms.Client
	lambda *lambda.Client
	sts    *sts.Client
	s3     *s3.Client
	// assumed is the ARN of a role that the caller may assume, "" for none.
	assumed string
	role    string // the ARN of a role that functions of the endpoint can have
	wait    func() // makes the time pass that a write takes, where it does not pass by itself
	name    string // the case
	unique  string // begins the names of what the case makes
	// checks is every question of the case with the endpoint's answer and AWS's.
	checks map[string]answers
}

type answers struct{ got, want string }

// is compares one answer with AWS's.
func (c *contract) is(subject, got, want string) {
	c.Helper()
	check := c.name + ": " + subject
	if _, twice := c.checks[check]; twice {
		c.Fatalf("%q is asked twice", check)
	}
	c.checks[check] = answers{got, want}
}

// said renders what an endpoint said.
func said(values ...any) string {
	return strings.TrimSuffix(fmt.Sprintln(values...), "\n")
}

// answers compares the error code of an answer, "" for success, with AWS's.
func (c *contract) answers(subject string, err error, want string) {
	c.Helper()
	got := ""
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		got = answer.ErrorCode()
	} else if err != nil {
		got = "no AWS answer"
		c.Logf("%s: %v", subject, err)
	}
	c.is(subject, got, want)
}

// must returns an answer without which a case makes no sense, to be applied to the case.
func must[T any](answer T, err error) func(*contract) T {
	return func(c *contract) T {
		c.Helper()
		if err != nil {
			c.Fatal(err)
		}
		return answer
	}
}

// difference is an answer of an emulator that is known not to be AWS's.
type difference struct {
	check  string // case and subject
	answer string // of the emulator
	page   string // of AWS's documentation, which says what AWS answers
}

// judge compares what the checks of an endpoint found with the differences that are known of it. Differences of cases that did
// not run are left out.
func judge(checks map[string]answers, known []difference) (faults []string) {
	ran := map[string]bool{}
	for check := range checks {
		name, _, _ := strings.Cut(check, ": ")
		ran[name] = true
	}
	expected := map[string]string{}
	for _, d := range known {
		name, _, _ := strings.Cut(d.check, ": ")
		if _, twice := expected[d.check]; twice || !strings.HasPrefix(d.page, "https://docs.aws.amazon.com/") {
			faults = append(faults, fmt.Sprintf("%s: listed twice or without a page of AWS", d.check))
		}
		expected[d.check] = d.answer
		if a, asked := checks[d.check]; ran[name] && (!asked || a.got == a.want) {
			faults = append(faults, fmt.Sprintf("%s: listed as a difference, and is none", d.check))
		}
	}
	for _, check := range slices.Sorted(maps.Keys(checks)) {
		a := checks[check]
		answer, listed := expected[check]
		switch {
		case a.got == a.want:
		case !listed:
			faults = append(faults, fmt.Sprintf("%s: got %q, AWS answers %q", check, a.got, a.want))
		case a.got != answer:
			faults = append(faults, fmt.Sprintf("%s: got %q, listed as %q; AWS answers %q", check, a.got, answer, a.want))
		}
	}
	return faults
}

func TestJudge(t *testing.T) {
	const page = "https://docs.aws.amazon.com/x"
	known := []difference{
		{"a: gone", "no", page}, {"a: stays", "no", page}, {"a: moves", "no", page}, {"a: never asked", "no", page}, {"b: not run", "no", page},
		{"c: no page", "no", "https://example.com/"},
	}
	checks := map[string]answers{
		"a: gone": {"yes", "yes"}, "a: stays": {"no", "yes"}, "a: moves": {"perhaps", "yes"}, "a: new": {"no", "yes"}, "a: agrees": {"yes", "yes"},
	}
	want := []string{
		"a: gone: listed as a difference, and is none",
		"a: never asked: listed as a difference, and is none",
		"c: no page: listed twice or without a page of AWS",
		`a: moves: got "perhaps", listed as "no"; AWS answers "yes"`,
		`a: new: got "no", AWS answers "yes"`,
	}
	if diff := cmp.Diff(want, judge(checks, known)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// runContract runs every case against an endpoint, of which c says what the cases cannot know.
func runContract(t *testing.T, conf aws.Config, c contract, known []difference) {
	t.Helper()
	checks := map[string]answers{}
	for _, test := range slices.Concat(kmsContract(), lambdaContract(), stsContract(), s3Contract()) {
		t.Run(test.name, func(t *testing.T) {
			test.run(&contract{
				T: t, kms: kms.NewFromConfig(conf), lambda: lambda.NewFromConfig(conf), sts: sts.NewFromConfig(conf), s3: s3.NewFromConfig(conf, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }), role: c.role, assumed: c.assumed, wait: c.wait, name: test.name,
				unique: "sealift-contract-" + strings.ToLower(rand.Text()[:10]), checks: checks,
			})
		})
	}
	for _, fault := range judge(checks, known) {
		t.Error(fault)
	}
	t.Logf("%d checks, %d known differences", len(checks), len(known))
}

// TestContract runs the suite against local AWS, which may differ in nothing.
func TestContract(t *testing.T) {
	t.Parallel()
	const settle = time.Minute
	var passed atomic.Int64
	now := func() time.Time {
		return time.Unix(1767323045, 0).Add(time.Duration(passed.Add(int64(time.Millisecond))))
	} // no two writes share a time
	listener := httptest.NewServer(open(t, localaws.Options{Now: now, Settle: settle}))
	t.Cleanup(listener.Close)
	conf := aws.Config{Region: region, BaseEndpoint: &listener.URL, Credentials: keys(), Retryer: awstest.Retryer}
	runContract(t, conf, contract{role: "arn:aws:iam::000000000000:role/contract", assumed: "arn:aws:iam::111122223333:role/team/contract", wait: func() { passed.Add(int64(settle)) }}, nil)
}

// TestContractMoto runs the suite against an independent emulator of AWS, with the differences that are known of it.
func TestContractMoto(t *testing.T) {
	if testing.Short() {
		t.Skip("starts moto_server")
	}
	t.Parallel()
	endpoint := startMoto(t)
	conf := aws.Config{Region: region, BaseEndpoint: &endpoint, Credentials: keys(), Retryer: awstest.Retryer}
	runContract(t, conf, contract{role: motoRole(t, endpoint), assumed: "arn:aws:iam::111122223333:role/team/contract", wait: func() {}}, motoDifferences())
}

// TestContractAWS runs the suite against AWS, with the credentials and the region of the environment and the role of functions
// that SEALIFT_CONTRACT_ROLE names; the one of SEALIFT_CONTRACT_ASSUME, if it is set, is assumed. It leaves KMS keys behind that are deleted in seven days.
func TestContractAWS(t *testing.T) {
	if os.Getenv("SEALIFT_CONTRACT_AWS") != "1" {
		t.Skip("SEALIFT_CONTRACT_AWS is not 1: it makes keys and functions in an account")
	}
	conf, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	role := os.Getenv("SEALIFT_CONTRACT_ROLE")
	if role == "" {
		t.Fatal("SEALIFT_CONTRACT_ROLE names no role for functions")
	}
	runContract(t, conf, contract{role: role, assumed: os.Getenv("SEALIFT_CONTRACT_ASSUME"), wait: func() {}}, nil)
}

// startMoto starts moto_server and returns its URL.
func startMoto(t *testing.T) string {
	t.Helper()
	program := needAs(t, "moto", "moto_server")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-H", "127.0.0.1", "-p", port)
	var out bytes.Buffer
	command.Stdout, command.Stderr, command.WaitDelay = &out, &out, time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	endpoint := "http://127.0.0.1:" + port
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		if response, err := http.Get(endpoint + "/moto-api/data.json"); err == nil {
			_ = response.Body.Close()
			return endpoint
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("moto_server did not answer")
		}
	}
}

// motoRole makes a role that moto lets functions have.
func motoRole(t *testing.T, endpoint string) string {
	t.Helper()
	form := url.Values{
		"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"contract"},
		"AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", signed("iam"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("CreateRole: %s", response.Status)
	}
	return "arn:aws:iam::123456789012:role/contract"
}
