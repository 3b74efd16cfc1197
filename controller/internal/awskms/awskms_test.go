package awskms_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

var at = envelope.Scope{Namespace: "payments", Name: "hello", Key: "TOKEN"}

func newAWS(t *testing.T) (*localaws.Server, *awskms.Client) {
	t.Helper()
	server, err := localaws.Open(localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return server, awskms.New(awstest.Config(server, "us-east-2"))
}

func operations(server *localaws.Server) []string {
	var names []string
	for _, c := range server.Calls() {
		names = append(names, c.Operation)
	}
	return names
}

func TestEnsureKey(t *testing.T) {
	for _, offline := range []bool{true, false} {
		t.Run(fmt.Sprintf("offline=%t", offline), func(t *testing.T) {
			server, client := newAWS(t)
			spec := awskms.Spec{Alias: "alias/test", Offline: offline, Description: "a test"}
			first, changed, err := client.EnsureKey(t.Context(), spec)
			if err != nil || !changed || first.Offline != offline || first.Rotation == offline {
				t.Fatalf("%+v, changed %t, %v", first, changed, err)
			}
			made := operations(server)
			second, changed, err := client.EnsureKey(t.Context(), spec)
			if err != nil || changed || second != first {
				t.Errorf("again: %+v, changed %t, %v", second, changed, err)
			}
			for _, c := range server.Calls()[len(made):] {
				if c.Mutating {
					t.Errorf("again: %s", c.Operation)
				}
			}
			spec.Offline = !offline
			_, _, err = client.EnsureKey(t.Context(), spec)
			if want := "kms:DescribeKey on alias/test in us-east-2: the alias names a key of another kind"; err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

// Rotation that somebody turned off, or never turned on, is turned on.
func TestEnsureKeyTurnsRotationOn(t *testing.T) {
	server, client := newAWS(t)
	api := kms.NewFromConfig(awstest.Config(server, "us-east-2"))
	out, err := api.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/test"), TargetKeyId: out.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	key, changed, err := client.EnsureKey(t.Context(), awskms.Spec{Alias: "alias/test"})
	if err != nil || !changed || !key.Rotation || key.ARN != *out.KeyMetadata.Arn {
		t.Errorf("%+v, changed %t, %v", key, changed, err)
	}
}

func TestUnsealOffline(t *testing.T) {
	_, client := newAWS(t)
	key, _, err := client.EnsureKey(t.Context(), awskms.Spec{Alias: "alias/test", Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	public, err := client.PublicKey(t.Context(), key.ARN)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := envelope.NewOfflineSealer(rand.Reader, key.ARN, public)
	if err != nil {
		t.Fatal(err)
	}
	defer sealer.Close()
	unseals(t, client, sealer)
}

func TestUnsealOnline(t *testing.T) {
	_, client := newAWS(t)
	key, _, err := client.EnsureKey(t.Context(), awskms.Spec{Alias: "alias/test"})
	if err != nil {
		t.Fatal(err)
	}
	dataKey, err := client.GenerateDataKey(t.Context(), "us-east-2", "alias/test", envelope.SealingContext(at.Namespace, at.Name))
	if err != nil || dataKey.KeyID != key.ARN {
		t.Fatalf("key %s, %v", dataKey.KeyID, err)
	}
	sealer, err := envelope.NewOnlineSealer(rand.Reader, at.Namespace, at.Name, dataKey)
	if err != nil {
		t.Fatal(err)
	}
	defer sealer.Close()
	unseals(t, client, sealer)
}

func unseals(t *testing.T, client *awskms.Client, sealer *envelope.Sealer) {
	t.Helper()
	text, err := sealer.Seal(at, envelope.NewSecret([]byte("value")))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := envelope.ParseSealed(text)
	if err != nil {
		t.Fatal(err)
	}
	contentKey, err := client.Decrypt(t.Context(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	value, err := sealed.Open(at, contentKey)
	if err != nil || !bytes.Equal(value.Reveal(), []byte("value")) {
		t.Errorf("opened to %d bytes, %v", len(value.Reveal()), err)
	}
}

// A key given by ARN is asked in its own region, whatever the client's.
func TestRegionOfARN(t *testing.T) {
	server, _ := newAWS(t)
	there := awskms.New(awstest.Config(server, "eu-west-1"))
	key, _, err := there.EnsureKey(t.Context(), awskms.Spec{Alias: "alias/test"})
	if err != nil {
		t.Fatal(err)
	}
	here := awskms.New(awstest.Config(server, "us-east-2"))
	if _, err := here.GenerateDataKey(t.Context(), "us-east-2", key.ARN, nil); err != nil {
		t.Error(err)
	}
	calls := server.Calls()
	if last := calls[len(calls)-1]; last.Region != "eu-west-1" {
		t.Errorf("asked in %s", last.Region)
	}
}

func TestDescribeRefuses(t *testing.T) {
	_, client := newAWS(t)
	_, err := client.Describe(t.Context(), "alias/missing")
	if want := "kms:DescribeKey on alias/missing in us-east-2: no such key"; !errors.Is(err, awskms.ErrNotFound) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Errors say what was done and what to do, and quote nothing of the answer.
func TestErrors(t *testing.T) {
	const arn = "arn:aws:kms:us-east-2:000000000000:key/k"
	tests := []struct {
		code string
		err  string
		hint string
	}{
		{"AccessDeniedException", "access denied", "allow kms:GenerateDataKey on that key for these credentials (aws sts get-caller-identity), in the key's policy or in theirs"},
		{"DisabledException", "the key is disabled", "aws kms enable-key --key-id " + arn},
		{"KMSInvalidStateException", "the key is in a state that forbids this", "see KeyState in: aws kms describe-key --key-id " + arn},
		{"InvalidKeyUsageException", "the key is of another kind than this call needs", "sealing keys are RSA_3072 or symmetric, bundle keys are symmetric"},
		{"ThrottlingException", "KMS is busy (ThrottlingException)", "try again in a while"},
		{"ExpiredTokenException", "the credentials are refused (ExpiredTokenException)", "renew the credentials, and check the clock"},
		{"ValidationException", "ValidationException", "look the code up in the KMS API reference"},
	}
	for _, test := range tests {
		t.Run(test.code, func(t *testing.T) {
			cfg := awstest.Config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"__type": %q, "message": "SEALIFTCANARY"}`, test.code)
			}), "us-east-2")
			cfg.RetryMaxAttempts = 1
			_, err := awskms.New(cfg).GenerateDataKey(t.Context(), "us-east-2", arn, nil)
			if want := "kms:GenerateDataKey on " + arn + ": " + test.err; err == nil || err.Error() != want {
				t.Fatalf("%v, want %s", err, want)
			}
			var hinted interface{ Hint() string }
			if !errors.As(err, &hinted) {
				t.Fatal("no hint")
			}
			if diff := cmp.Diff(test.hint, hinted.Hint()); diff != "" {
				t.Errorf("hint (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	_, client := newAWS(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.GenerateDataKey(ctx, "us-east-2", "alias/test", nil)
	if want := "kms:GenerateDataKey on alias/test in us-east-2: context canceled"; !errors.Is(err, context.Canceled) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
