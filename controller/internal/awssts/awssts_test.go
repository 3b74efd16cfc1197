package awssts_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awssts"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

const role = "arn:aws:iam::111122223333:role/team/deploy"

func TestSessionName(t *testing.T) {
	for _, test := range []struct{ namespace, name, want string }{
		{"payments", "hello", "sealift-payments-hello"},
		{"payments", "hello.v2", "sealift-payments-hello.v2"},
		{strings.Repeat("n", 63), "hello", "sealift-" + strings.Repeat("n", 56)},
	} {
		if got := awssts.SessionName(test.namespace, test.name); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestPrincipalOfARole(t *testing.T) {
	if got, want := (awssts.Role{ARN: role, Session: "s"}).Principal().Known(), "arn:aws:sts::111122223333:assumed-role/deploy/s"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// nobody is a principal who is not known.
type nobody struct{}

func (nobody) Known() string              { return "" }
func (nobody) ARN(context.Context) string { return "arn:aws:iam::000000000000:user/me" }

// count returns how often an operation was called.
func count(server *localaws.Server, operation string) (n int) {
	for _, call := range server.Calls() {
		if call.Operation == operation {
			n++
		}
	}
	return n
}

// The credentials of a role are asked for once an hour, some minutes ahead of their end, and
// who they are of is as Principal says it.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := localaws.Open(localaws.Options{})
		if err != nil {
			t.Fatal(err)
		}
		as := awssts.Role{ARN: role, ExternalID: "ticket:4711", Session: "sealift-payments-hello"}
		cfg := awssts.Assumed(awstest.Config(server, "us-east-2"), as, nobody{})
		api := lambda.NewFromConfig(cfg)
		for minute := range 180 {
			if _, err := api.ListFunctions(t.Context(), &lambda.ListFunctionsInput{}); err != nil {
				t.Fatalf("after %d minutes: %v", minute, err)
			}
			time.Sleep(time.Minute)
		}
		if n := count(server, "AssumeRole"); n != 4 {
			t.Errorf("%d AssumeRole in three hours, want 4", n)
		}
		for _, call := range server.Calls() {
			if call.Service == "lambda" && call.Account != "111122223333" {
				t.Fatalf("%s was asked of the account %q", call.Operation, call.Account)
			}
		}
		if got, want := awssts.NewIdentity(cfg, time.Now).ARN(t.Context()), as.Principal().Known(); got != want {
			t.Errorf("it is %s, and said to be %s", got, want)
		}
	})
}

// A call whose role can't be assumed says so, and not that Lambda refused it; nothing of
// the answer is in it.
func TestDenied(t *testing.T) {
	const canary = "SEALIFTCANARY-77aa"
	server := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>` + canary + `</Message></Error></ErrorResponse>`))
	})
	as := awssts.Role{ARN: role, Session: "sealift-payments-hello"}
	client := awslambda.New(awssts.Assumed(awstest.Config(server, "us-east-2"), as, nobody{}), awslambda.Options{Principal: as.Principal()})
	_, err := client.Observe(t.Context(), "hello", "")
	if want := "sts:AssumeRole on " + role + " in us-east-2 as arn:aws:iam::000000000000:user/me: access denied"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// An answer that names nobody is none.
func TestIdentityOfNobody(t *testing.T) {
	for _, arn := range []string{"", "arn", "SEALIFTCANARY", "arn:aws:iam::000000000000:user/\u009b2J"} {
		asked := 0
		identity := awssts.NewIdentity(awstest.Config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			_, _ = io.WriteString(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>`+arn+`</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		}), "us-east-2"), func() time.Time { return time.Unix(1767323045, 0) })
		for range 2 {
			if got := identity.ARN(t.Context()); got != "" || identity.Known() != "" || asked != 1 {
				t.Errorf("%q is taken for %q after %d calls", arn, got, asked)
			}
		}
	}
}

// Who calls is asked for once; where there is no answer, not again for a minute.
func TestIdentity(t *testing.T) {
	server, err := localaws.Open(localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now, asked, silent := time.Unix(1767323045, 0), 0, true
	identity := awssts.NewIdentity(awstest.Config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if silent {
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	}), "us-east-2"), func() time.Time { return now })
	step := func(want string, times int) {
		t.Helper()
		if got := identity.ARN(t.Context()); got != want || asked != times {
			t.Errorf("%q after %d calls, want %q after %d", got, asked, want, times)
		}
	}
	step("", 1)
	step("", 1)
	now, silent = now.Add(time.Minute), false
	if got := identity.Known(); got != "" {
		t.Errorf("known ahead of the answer: %s", got)
	}
	step("arn:aws:iam::000000000000:root", 2)
	step("arn:aws:iam::000000000000:root", 2)
	if got := identity.Known(); got != "arn:aws:iam::000000000000:root" {
		t.Errorf("not known afterwards: %q", got)
	}
}
