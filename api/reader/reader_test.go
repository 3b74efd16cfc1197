package reader_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/reader"
)

const password = "correct horse battery staple"

// env is the environment of the function that the crafted bundles are for.
func env(root string) func(string) string {
	return func(name string) string {
		return map[string]string{"AWS_REGION": "us-east-2", "AWS_LAMBDA_FUNCTION_NAME": "hello", "LAMBDA_TASK_ROOT": root}[name]
	}
}

func options(t *testing.T, d reader.Decrypter) reader.Options {
	t.Helper()
	return reader.Options{Decrypter: d, Path: writeBundle(t, []byte(newCraft().make(t))), Getenv: env("")}
}

// scripted answers call n with its nth function, and then always with its last.
type scripted struct {
	answers []func(context.Context) ([]byte, error)
	calls   int
}

func (s *scripted) Decrypt(ctx context.Context, _ string, _ []byte, _ map[string]string) ([]byte, error) {
	answer := s.answers[min(s.calls, len(s.answers)-1)]
	s.calls++
	return answer(ctx)
}

func answers(list ...func(context.Context) ([]byte, error)) *scripted {
	return &scripted{answers: list}
}

func fails(err error) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return nil, err }
}

func works(context.Context) ([]byte, error) { return bytes.Clone(newCraft().dataKey), nil }

// hangs is a KMS that never answers.
func hangs(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("operation error KMS: Decrypt, %w", ctx.Err())
}

func TestOpenFindsTheBundle(t *testing.T) {
	root := t.TempDir()
	bundle := []byte(newCraft().make(t))
	for _, path := range []string{"sealed-config.jwe", "config/secrets.jwe"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), bundle, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ name, path string }{
		{name: "default", path: ""},
		{name: "relative to the task root", path: "config/secrets.jwe"},
		{name: "absolute", path: filepath.Join(root, "config/secrets.jwe")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			secrets, err := reader.Open(t.Context(), reader.Options{Decrypter: answers(works), Path: test.path, Getenv: env(root)})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := secrets.Get("DB_PASSWORD"); err != nil || got != password {
				t.Errorf("Get = %q, %v", got, err)
			}
		})
	}
}

func TestOpenReadsTheProcessEnvironmentByDefault(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-2")
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "hello")
	t.Setenv("LAMBDA_TASK_ROOT", filepath.Dir(writeBundle(t, []byte(newCraft().make(t)))))
	before := strings.Join(os.Environ(), "\n")
	if _, err := reader.Open(t.Context(), reader.Options{Decrypter: answers(works)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, strings.Join(os.Environ(), "\n")); diff != "" {
		t.Errorf("the environment changed:\n%s", diff)
	}
}

func TestOpenAsksKMSForTheBundlesKey(t *testing.T) {
	c := newCraft()
	var keyID, wrapped string
	var encryptionContext map[string]string
	_, err := reader.Open(t.Context(), options(t, reader.DecryptFunc(func(_ context.Context, id string, blob []byte, ec map[string]string) ([]byte, error) {
		keyID, wrapped, encryptionContext = id, hex.EncodeToString(blob), ec
		return bytes.Clone(c.dataKey), nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	if keyID != c.kid || wrapped != hex.EncodeToString(c.edk) {
		t.Errorf("asked for %s under %s", wrapped, keyID)
	}
	want := map[string]string{"sealift:use": "bundle", "sealift:fn": "hello", "sealift:region": "us-east-2"}
	if diff := cmp.Diff(want, encryptionContext); diff != "" {
		t.Errorf("encryption context (-want +got):\n%s", diff)
	}
}

func TestOpenWipesTheDataKey(t *testing.T) {
	dataKey := bytes.Clone(newCraft().dataKey)
	_, err := reader.Open(t.Context(), options(t, answers(func(context.Context) ([]byte, error) { return dataKey, nil })))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dataKey, make([]byte, 32)) {
		t.Error("the data key is still there")
	}
}

func TestOpenErrors(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.jwe")
	folder := t.TempDir()
	tests := []struct {
		name   string
		change func(*reader.Options)
		want   string
		wraps  error
	}{
		{name: "no bundle", change: func(o *reader.Options) { o.Path = absent },
			want: "E_MISSING: there is no bundle at " + absent + "; write it with sealift apply"},
		{name: "a folder", change: func(o *reader.Options) { o.Path = folder },
			want: "E_MISSING: the bundle at " + folder + " can't be read; check what it is and its permissions"},
		{name: "no bundle, but a file", change: func(o *reader.Options) { o.Path = writeBundle(t, []byte("DB_PASSWORD=x")) },
			want: "E_FORMAT: malformed bundle: 0 dots where a compact JWE has 4; write the bundle again with sealift apply"},
		{name: "another function", change: func(o *reader.Options) {
			o.Getenv = func(name string) string {
				return map[string]string{"AWS_REGION": "us-east-2", "AWS_LAMBDA_FUNCTION_NAME": "other"}[name]
			}
		}, want: "E_CONTEXT: bundle sealed for us-east-2/hello, used by us-east-2/other; deploy this function's own bundle"},
		{name: "no function", change: func(o *reader.Options) { o.Getenv = func(string) string { return "" } },
			want: "E_CONTEXT: AWS_REGION or AWS_LAMBDA_FUNCTION_NAME is not set; Lambda sets both"},
		{name: "no decrypter", change: func(o *reader.Options) { o.Decrypter = nil },
			want: "E_KMS_STATE: KMS can't be called: Options.Decrypter is not set"},
		{name: "denied", change: func(o *reader.Options) { o.Decrypter = answers(fails(apiError("AccessDeniedException"))) },
			want: "E_KMS_DENIED: KMS denied the call; grant the function's role kms:Decrypt on " + keyARN +
				" with the encryption context sealift:fn=hello, sealift:region=us-east-2, sealift:use=bundle"},
		{name: "disabled", change: func(o *reader.Options) { o.Decrypter = answers(fails(apiError("DisabledException"))) },
			want: "E_KMS_STATE: KMS refused the call; check that " + keyARN + " exists, is enabled and encrypts symmetrically"},
		{name: "no credentials", change: func(o *reader.Options) { o.Decrypter = answers(fails(errors.New("no credentials"))) },
			want: "E_KMS_BUSY: KMS was not reached for Decrypt on " + keyARN + "; check the function's credentials, network and endpoint"},
		{name: "throttled", change: func(o *reader.Options) { o.Decrypter = answers(fails(apiError("ThrottlingException"))) },
			want: "E_KMS_BUSY: KMS did not answer Decrypt on " + keyARN + " in time, or throttled it, in every try; check its quota and the function's route to KMS"},
		{name: "another key", change: func(o *reader.Options) {
			o.Decrypter = answers(func(context.Context) ([]byte, error) { return make([]byte, 32), nil })
		}, want: "E_AUTH: the bundle does not open: its key, header or ciphertext is not what it was sealed with; write it again with sealift apply", wraps: envelope.ErrOpen},
		{name: "another encryption context", change: func(o *reader.Options) { o.Decrypter = answers(fails(apiError("InvalidCiphertextException"))) },
			want: "E_AUTH: the bundle does not open: its key, header or ciphertext is not what it was sealed with; write it again with sealift apply", wraps: envelope.ErrOpen},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, answers(works))
			o.Jitter = func(time.Duration) time.Duration { return 0 }
			test.change(&o)
			secrets, err := reader.Open(t.Context(), o)
			if secrets != nil || err == nil {
				t.Fatalf("Open = %v, %v", secrets, err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if test.wraps != nil && !errors.Is(err, test.wraps) {
				t.Errorf("%v does not wrap %v", err, test.wraps)
			}
		})
	}
}

// TestSizeIsCheckedOnTheWholeFile has a bundle whose first 1 MiB opens.
func TestSizeIsCheckedOnTheWholeFile(t *testing.T) {
	c := newCraft()
	c.payload = `{"S":"` + strings.Repeat("x", 785822) + `"}`
	largest := c.make(t)
	if len(largest) != 1<<20 {
		t.Fatalf("the bundle has %d bytes", len(largest))
	}
	o := options(t, answers(works))
	o.Path = writeBundle(t, []byte(largest))
	if _, err := reader.Open(t.Context(), o); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	o.Path = writeBundle(t, []byte(largest+"\n"))
	_, err := reader.Open(t.Context(), o)
	if want := "E_FORMAT: malformed bundle: over 1048576 bytes; write the bundle again with sealift apply"; err == nil || err.Error() != want {
		t.Errorf("over the limit: %v, want %s", err, want)
	}
}

func TestErrorsUnwrapToEnvelopes(t *testing.T) {
	o := options(t, answers(works))
	o.Getenv = func(string) string { return "elsewhere" }
	_, err := reader.Open(t.Context(), o)
	var other *envelope.ConsumerError
	if !errors.As(err, &other) || other.Sealed.String() != "us-east-2/hello" {
		t.Errorf("%v does not wrap a *envelope.ConsumerError", err)
	}
	o.Path = writeBundle(t, nil)
	_, err = reader.Open(t.Context(), o)
	var malformed *envelope.FormatError
	if !errors.As(err, &malformed) || malformed.Part != "bundle" {
		t.Errorf("%v does not wrap a *envelope.FormatError", err)
	}
}

// statusError is an answer without a code, as the SDK's ResponseError.
type statusError int

func (e statusError) Error() string       { return fmt.Sprintf("status %d", int(e)) }
func (e statusError) HTTPStatusCode() int { return int(e) }

func TestTries(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code reader.Code
		want int
	}{
		{name: "throttling", err: apiError("ThrottlingException"), code: reader.KMSBusy, want: 4},
		{name: "a code within an error", err: fmt.Errorf("operation error KMS: %w", apiError("KMSInternalException")), code: reader.KMSBusy, want: 4},
		{name: "status 500", err: statusError(500), code: reader.KMSBusy, want: 4},
		{name: "status 503 with an unknown code", err: errors.Join(statusError(503), apiError("Mystery")), code: reader.KMSBusy, want: 4},
		{name: "status 429", err: statusError(429), code: reader.KMSBusy, want: 4},
		{name: "connection refused", err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}, code: reader.KMSBusy, want: 4},
		{name: "a time-out of its own", err: context.DeadlineExceeded, code: reader.KMSBusy, want: 4},
		{name: "status 400 with an unknown code", err: errors.Join(statusError(400), apiError("Mystery")), code: reader.KMSState, want: 1},
		{name: "denied", err: apiError("AccessDeniedException"), code: reader.KMSDenied, want: 1},
		{name: "denied wins over its status", err: errors.Join(statusError(500), apiError("AccessDeniedException")), code: reader.KMSDenied, want: 1},
		{name: "no answer", err: errors.New("no credentials"), code: reader.KMSBusy, want: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kms := answers(fails(test.err))
				_, err := reader.Open(t.Context(), options(t, kms))
				if failure, ok := errors.AsType[*reader.Error](err); !ok || failure.Code != test.code {
					t.Errorf("Open: %v, want %s", err, test.code)
				}
				if kms.calls != test.want {
					t.Errorf("%d calls, want %d", kms.calls, test.want)
				}
			})
		})
	}
}

func TestBackoffIsFullJitterAndDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kms := answers(fails(apiError("ThrottlingException")), fails(apiError("ThrottlingException")), fails(apiError("ThrottlingException")), works)
		o := options(t, kms)
		var most []time.Duration
		o.Jitter = func(d time.Duration) time.Duration {
			most = append(most, d)
			return d / 2
		}
		start := time.Now()
		if _, err := reader.Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}
		if diff := cmp.Diff(want, most); diff != "" {
			t.Errorf("bounds of the waits (-want +got):\n%s", diff)
		}
		if got := time.Since(start); got != 350*time.Millisecond {
			t.Errorf("Open waited %v, not half of each bound", got)
		}
	})
}

func TestDefaultJitterStaysWithinItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := make(map[time.Duration]bool)
		for range 100 {
			start := time.Now()
			_, err := reader.Open(t.Context(), options(t, answers(fails(apiError("ThrottlingException")), works)))
			if err != nil {
				t.Fatal(err)
			}
			waited := time.Since(start)
			if waited > 100*time.Millisecond {
				t.Fatalf("waited %v, over 100ms", waited)
			}
			waits[waited] = true
		}
		if len(waits) < 50 {
			t.Errorf("only %d different waits of 100", len(waits))
		}
	})
}

func TestSilentKMSIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kms := answers(hangs)
		o := options(t, kms)
		o.Jitter = func(most time.Duration) time.Duration { return most }
		start := time.Now()
		_, err := reader.Open(t.Context(), o)
		if failure, ok := errors.AsType[*reader.Error](err); !ok || failure.Code != reader.KMSBusy {
			t.Errorf("Open: %v, want %s", err, reader.KMSBusy)
		}
		if got := time.Since(start); got != 7*time.Second || kms.calls != 4 {
			t.Errorf("Open gave up after %v and %d calls, want 7s and 4", got, kms.calls)
		}
	})
}

func TestOneSlowTryIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, answers(hangs, works))
		o.Jitter = func(time.Duration) time.Duration { return 0 }
		start := time.Now()
		if _, err := reader.Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("Open took %v, want the 2s of one try", got)
		}
	})
}

func TestCallersContextEndsTheWait(t *testing.T) {
	tests := []struct {
		name   string
		answer func(context.Context) ([]byte, error)
		jitter time.Duration
	}{
		{name: "within a call", answer: hangs},
		{name: "between two calls", answer: fails(apiError("ThrottlingException")), jitter: time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				kms := answers(test.answer)
				o := options(t, kms)
				o.Jitter = func(time.Duration) time.Duration { return test.jitter }
				start := time.Now()
				_, err := reader.Open(ctx, o)
				if err == nil || err.Error() != "E_KMS_BUSY: the caller stopped waiting for KMS Decrypt" || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Open: %v", err)
				}
				if got := time.Since(start); got != time.Second || kms.calls != 1 {
					t.Errorf("Open ended after %v and %d calls", got, kms.calls)
				}
			})
		})
	}
}

// TestErrorsEchoNothing looks for what KMS said, and for every part of the bundle
// that is not public, in the errors of all codes.
func TestErrorsEchoNothing(t *testing.T) {
	for _, code := range []string{"AccessDeniedException", "DisabledException", "ThrottlingException", "InvalidCiphertextException", "Mystery"} {
		o := options(t, answers(fails(apiError(code))))
		o.Jitter = func(time.Duration) time.Duration { return 0 }
		_, err := reader.Open(t.Context(), o)
		for printed := range strings.SplitSeq(fmt.Sprintf("%v\n%+v\n%#v\n%v", err, err, err, errors.Unwrap(err)), "\n") {
			if strings.Contains(printed, "KMS says") || strings.Contains(printed, "echo") {
				t.Errorf("%s: %s", code, printed)
			}
		}
	}
}

func TestGet(t *testing.T) {
	o := options(t, answers(works))
	secrets, err := reader.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"DB_PASSWORD"}, secrets.Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	value, err := secrets.Get("db_password")
	want := `E_MISSING: the bundle has no secret "db_password"; add it to spec.sealed and apply`
	if value != "" || err == nil || err.Error() != want {
		t.Errorf("Get = %q, %v, want %s", value, err, want)
	}
	if failure, ok := errors.AsType[*reader.Error](err); !ok || failure.Code != reader.Missing {
		t.Errorf("Get: %v, want %s", err, reader.Missing)
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	secrets, err := reader.Open(t.Context(), options(t, answers(works)))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("opened", "secrets", secrets)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("opened", "secrets", secrets, "in", struct{ S *reader.Secrets }{secrets})
	encoded, err := json.Marshal(map[string]any{"pointer": secrets, "value": *secrets})
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Exported *reader.Secrets
		hidden   reader.Secrets
	}
	for verb := range strings.FieldsSeq("%v %+v %#v %s %q %x %X %d %p %T") {
		if verb == "%T" || verb == "%p" {
			continue
		}
		for _, printed := range []string{fmt.Sprintf(verb, secrets), fmt.Sprintf(verb, *secrets)} {
			if printed != "[redacted]" {
				t.Errorf("%s printed %s", verb, printed)
			}
		}
		log.WriteString(fmt.Sprintf(verb, holder{Exported: secrets, hidden: *secrets}))
	}
	all := log.String() + string(encoded) + secrets.String() + secrets.GoString()
	if !strings.Contains(all, "[redacted]") || strings.Contains(all, password) || strings.Contains(all, hex.EncodeToString([]byte(password))) {
		t.Errorf("printed: %s", all)
	}
}
