package awskms_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

// FuzzErrors checks that whatever an endpoint answers, the error that comes of it, its
// reason and its hint hold nothing of the answer but a code of AWS's form, in one line of
// plain text, and that the error has a class.
func FuzzErrors(f *testing.F) {
	const canary = "Tr0ub4dor-and-3"
	for _, seed := range []struct {
		status     int
		code, body string
	}{
		{400, "InvalidCiphertextException", `{"message": "CANARY"}`}, {400, "", `{"__type": "com.amazonaws.kms#CANARY"}`}, {400, "AccessDeniedException", `{"Message": "CANARY"}`}, {500, "", "CANARY"}, {400, "CANARY", ""},
		{200, "", `{"Plaintext": "CANARY"}`}, {200, "", `{"Plaintext": "AAAA", "KeyId": "CANARY", "CiphertextBlob": "AAAA"}`}, {200, "", `{}`}, {200, "", "CANARY"}, {400, "", `{"__type": "A\u001bCANARY"}`}, {400, "DisabledException", "[[["},
		{200, "", `{"KeyMetadata": {"Arn": "CANARY", "KeyState": "CANARY"}, "Policy": "CANARY"}`}, {200, "", `{"PublicKey": "CANARY"}`},
		{200, "", `{"PublicKey": "AAAA", "KeyId": "x"}`}, {400, strings.Repeat("A", 500), ""}, {400, "KMSInvalidStateException", `{"message": "CANARY"}`}, {503, "KMSInternalException", `{"message": "CANARY"}`},
	} {
		f.Add(seed.status, seed.code, seed.body)
	}
	f.Fuzz(func(t *testing.T, status int, code, body string) {
		if status < 200 || status > 599 {
			return
		}
		cfg := awstest.Config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", strings.ReplaceAll(code, "CANARY", canary))
			w.WriteHeader(status)
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "CANARY", canary)))
		}), "us-east-2")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		client := awskms.New(cfg)
		const key = "arn:aws:kms:us-east-2:111122223333:key/1"
		_, generated := client.GenerateDataKey(t.Context(), "us-east-2", key, nil)
		_, _, opened := client.DecryptDataKey(t.Context(), "us-east-2", []byte("wrapped"))
		_, described := client.Look(t.Context(), key)
		_, public := client.PublicKey(t.Context(), key)
		for _, err := range []error{generated, opened, described, public} {
			if err == nil {
				continue
			}
			shown := err.Error()
			var ours *awserr.Error
			if errors.As(err, &ours) {
				shown += " " + ours.Hint() + " " + ours.Reason()
			}
			if strings.Contains(shown, canary) || len(shown) > 600 || strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("the answer is repeated: %q", shown)
			}
			if class := plan.ClassOf(err); class == "" || class == plan.Interrupted {
				t.Errorf("class %q of %v", class, err)
			}
		}
	})
}
