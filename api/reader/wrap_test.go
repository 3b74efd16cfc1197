package reader_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader"
)

// event is what the handlers of these tests take.
type event struct {
	Name string `json:"name"`
}

func TestBundleID(t *testing.T) {
	secrets, err := reader.Open(t.Context(), options(t, answers(works)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := secrets.BundleID(), b64.EncodeToString(newCraft().bid); got != want {
		t.Errorf("BundleID = %q, want %q", got, want)
	}
	if got := new(reader.Secrets).BundleID(); got != "" {
		t.Errorf("BundleID of the zero Secrets = %q", got)
	}
}

func TestWrapAnswersTheCanary(t *testing.T) {
	answered := `{"sealift.dev/canary":{"bid":"` + b64.EncodeToString(newCraft().bid) + `"}}`
	tests := []struct{ name, event, want string }{
		{name: "canary", event: `{"sealift.dev/canary":"1"}`, want: answered},
		{name: "canary with spaces", event: " { \"sealift.dev/canary\" : \"1\" }\n", want: answered},
		{name: "canary with an escape", event: `{"sealift.dev\/canary":"1"}`, want: answered},
		{name: "another member too", event: `{"sealift.dev/canary":"1","name":"a"}`, want: `"handled a"`},
		{name: "another member first", event: `{"name":"a","sealift.dev/canary":"1"}`, want: `"handled a"`},
		{name: "another value", event: `{"sealift.dev/canary":"2"}`, want: `"handled "`},
		{name: "a number", event: `{"sealift.dev/canary":1}`, want: `"handled "`},
		{name: "an object", event: `{"sealift.dev/canary":{"bid":"x"}}`, want: `"handled "`},
		{name: "another case", event: `{"Sealift.dev/Canary":"1"}`, want: `"handled "`},
		{name: "an empty object", event: `{}`, want: `"handled "`},
		{name: "null", event: `null`, want: `"handled "`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handler := reader.Wrap(reader.Once(options(t, answers(works))), func(_ context.Context, e event) (string, error) {
				return "handled " + e.Name, nil
			})
			// NewHandler is what lambda.Start makes of a function.
			got, err := lambda.NewHandler(handler).Invoke(t.Context(), []byte(test.event))
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestWrapLeavesEventsUntouched(t *testing.T) {
	const raw = `{"n": 12345678901234567890, "n": 1.0 }`
	handler := reader.Wrap(nil, func(_ context.Context, e json.RawMessage) (json.RawMessage, error) { return e, nil })
	got, err := handler(t.Context(), json.RawMessage(raw))
	if text, ok := got.(json.RawMessage); err != nil || !ok || string(text) != raw {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWrapErrors(t *testing.T) {
	refused := errors.New("out of stock")
	tests := []struct{ name, event, want string }{
		{name: "the handler's own", event: `{"name":"a"}`, want: "out of stock"},
		{name: "the canary's", event: `{"sealift.dev/canary":"1"}`, want: "E_KMS_BUSY: KMS was not reached for Decrypt on " + keyARN + "; check the function's credentials, network and endpoint"},
		{name: "no JSON", event: `{"sealift.dev/canary":"1"`, want: "unexpected end of JSON input"},
		{name: "another type", event: `{"name":1}`, want: "json: cannot unmarshal number into Go struct field event.name of type string"},
		{name: "two events", event: `{"sealift.dev/canary":"1"}{}`, want: "invalid character '{' after top-level value"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handler := reader.Wrap(reader.Once(options(t, answers(fails(errors.New("no credentials"))))), func(context.Context, event) (any, error) { return nil, refused })
			got, err := handler(t.Context(), json.RawMessage(test.event))
			if got != nil || err == nil {
				t.Fatalf("got %v, %v", got, err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnceOpensOnce(t *testing.T) {
	kms := answers(works)
	open := reader.Once(options(t, kms))
	var group sync.WaitGroup
	got := make([]*reader.Secrets, 20)
	for i := range got {
		group.Go(func() {
			secrets, err := open(t.Context())
			if err != nil {
				t.Error(err)
			}
			got[i] = secrets
		})
	}
	group.Wait()
	for _, secrets := range got {
		if secrets == nil || secrets != got[0] {
			t.Fatalf("%p and %p", secrets, got[0])
		}
	}
	if kms.calls != 1 {
		t.Errorf("KMS was called %d times", kms.calls)
	}
}

func TestOnceTriesAgainAfterAnError(t *testing.T) {
	kms := answers(fails(apiError("AccessDeniedException")), works)
	open := reader.Once(options(t, kms))
	if _, err := open(t.Context()); err == nil {
		t.Fatal("the first call does not fail")
	}
	secrets, err := open(t.Context())
	if err != nil || kms.calls != 2 {
		t.Fatalf("second call: %v, after %d calls of KMS", err, kms.calls)
	}
	if again, err := open(t.Context()); again != secrets || err != nil || kms.calls != 2 {
		t.Errorf("third call: %p, %v, after %d calls of KMS", again, err, kms.calls)
	}
}

func TestOnceEndsWithTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := reader.Once(options(t, answers(hangs)))
		go open(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := open(ctx)
		if err == nil || err.Error() != "E_KMS_BUSY: the caller stopped waiting for the bundle to be opened" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open: %v", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("open waited %v", got)
		}
		time.Sleep(time.Minute) // of the bubble: lets the first call end
	})
}
