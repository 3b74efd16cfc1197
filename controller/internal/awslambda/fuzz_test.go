package awslambda_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

// canary is in every answer, and may be in no error.
const canary = "Tr0ub4dor-and-3"

// FuzzErrors checks that whatever an endpoint answers to a read or a write, the error that
// comes of it, its reason and its hint hold nothing of the answer but a code of AWS's
// form, in one line of plain text, and that the error has a class.
func FuzzErrors(f *testing.F) {
	for _, seed := range []struct {
		status     int
		code, body string
	}{
		{400, "InvalidParameterValueException", `{"Message": "the environment is {DB: CANARY}"}`}, {403, "AccessDeniedException", `{"message": "CANARY"}`}, {500, "", "<html>CANARY"},
		{400, "CANARY", "{}"}, {400, "", `{"__type": "CANARY", "message": "CANARY"}`}, {400, "", `{"code": "x CANARY:http://x/"}`}, {400, "A\x1b[2JCANARY", ""}, {429, "TooManyRequestsException", `{"Reason": "CANARY"}`},
		{404, "ResourceNotFoundException", "CANARY"}, {409, "ResourceConflictException", `{"Message": "CANARY"}`}, {200, "", "CANARY"}, {200, "", `{"Configuration": {"RevisionId": "CANARY"}}`}, {200, "", `{"Configuration": "CANARY"}`},
		{302, "", "CANARY"}, {412, "PreconditionFailedException", "[\"CANARY\"]"}, {101, "", ""}, {400, strings.Repeat("A", 500), ""}, {200, "", `{"Configuration": {"FunctionName": "hello", "FunctionArn": "CANARY", "RevisionId": "r", "State": "CANARY", "LastUpdateStatus": "CANARY", "StateReason": "CANARY"}}`},
	} {
		f.Add(seed.status, seed.code, seed.body)
	}
	f.Fuzz(func(t *testing.T, status int, code, body string) {
		if status < 200 || status > 599 {
			return
		}
		cfg := awstest.Config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", strings.ReplaceAll(code, "CANARY", canary))
			w.Header().Set("X-Amzn-Requestid", canary)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "CANARY", canary)))
		}), "us-east-2")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		client := awslambda.New(cfg, awslambda.Options{Unfenced: true})
		conf := plan.Configuration{Name: "hello", RevisionID: "r", CodeSHA256: "c"}
		_, read := client.Details(t.Context(), "hello")
		_, written := client.PublishLayer(t.Context(), "sealift-hello", "d", []byte("zip"))
		pointed := client.PointAlias(t.Context(), conf, "live", &plan.Alias{Name: "live", RevisionID: "r"}, "7")
		_, signing := client.CodeSigning(t.Context(), "hello")
		_, _, found := client.NewestLayer(t.Context(), "sealift-hello", "d")
		for _, err := range []error{read, written, pointed, signing, found} {
			checkQuiet(t, err)
		}
	})
}

func checkQuiet(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	shown := err.Error()
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		shown += " " + hinted.Hint()
	}
	var failure plan.Failure
	if errors.As(err, &failure) {
		shown += " " + failure.Reason()
	}
	if strings.Contains(shown, canary) || len(shown) > 600 || strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("the answer is repeated: %q", shown)
	}
	if class := plan.ClassOf(err); class != plan.Transient && class != plan.Stalled {
		t.Errorf("class %q of %v", class, err)
	}
}
