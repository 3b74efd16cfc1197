package awskms_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

const sealingARN = "arn:aws:kms:us-east-2:000000000000:key/11111111-1111-4111-8111-111111111111"

// sealedOnline is a value that is sealed with the key of sealingARN.
func sealedOnline(t *testing.T) envelope.Sealed {
	t.Helper()
	sealer, err := envelope.NewOnlineSealer(rand.Reader, "payments", "hello", &envelope.DataKey{KeyID: sealingARN, Plaintext: make([]byte, 32), Wrapped: []byte("wrapped")})
	if err != nil {
		t.Fatal(err)
	}
	defer sealer.Close()
	text, err := sealer.Seal(at, envelope.NewSecret([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := envelope.ParseSealed(text)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// An answer without a key is no word on what is in git: the call is made again.
func TestAnswerWithoutKey(t *testing.T) {
	sealed := sealedOnline(t)
	for _, body := range []string{"", "{}", "null", `{"KeyId":"x","Plaintext":"","CiphertextBlob":""}`} {
		client := awskms.New(awstest.Config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, body)
		}), "us-east-2"))
		_, err := client.Decrypt(t.Context(), sealed)
		if err == nil || errors.Is(err, envelope.ErrOpen) || plan.ClassOf(err) != plan.Transient {
			t.Errorf("Decrypt answered %q: %q, %v", body, plan.ClassOf(err), err)
		}
		_, err = client.GenerateDataKey(t.Context(), "us-east-2", "alias/x", nil)
		if err == nil || plan.ClassOf(err) != plan.Transient {
			t.Errorf("GenerateDataKey answered %q: %q, %v", body, plan.ClassOf(err), err)
		}
	}
}

// A KMS that does not answer in time is not an operator that ends.
func TestNotInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := awskms.New(awstest.Config(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}), "us-east-2"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := client.GenerateDataKey(ctx, "us-east-2", "alias/x", nil); plan.ClassOf(err) != plan.Transient || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: %v", plan.ClassOf(err), err)
		}
	})
}
