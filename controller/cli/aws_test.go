package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

// observed keeps what is told of calls.
type observed struct {
	mu    sync.Mutex
	calls []string
}

func (o *observed) add(service, operation, code string, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, fmt.Sprintf("%s|%s|%s|%s", service, operation, code, took))
}

// setAWS has the SDK find credentials in the environment and nothing anywhere else.
func setAWS(t *testing.T, more map[string]string) {
	t.Helper()
	for _, name := range []string{"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "test")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range more {
		t.Setenv(name, value)
	}
}

func TestEachCallToAWSIsObservedOnce(t *testing.T) {
	setAWS(t, nil)
	// refuse answers as AWS does, with a text that quotes what it should not.
	refuse := func(w http.ResponseWriter, status int, code string) {
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"Message": "hunter2"}`)
	}
	tests := map[string]struct {
		answer func(w http.ResponseWriter, attempt int, cancel func()) (done bool)
		fails  bool
		want   []string
	}{
		"answered": {
			answer: func(http.ResponseWriter, int, func()) bool { return false },
			want:   []string{"Lambda|ListFunctions||250ms"},
		},
		"retried": {
			answer: func(w http.ResponseWriter, attempt int, _ func()) bool {
				if attempt == 1 {
					refuse(w, http.StatusTooManyRequests, "TooManyRequestsException")
				}
				return attempt == 1
			},
			want: []string{"Lambda|ListFunctions|TooManyRequestsException|250ms", "Lambda|ListFunctions||250ms"},
		},
		"refused": {
			answer: func(w http.ResponseWriter, _ int, _ func()) bool {
				refuse(w, http.StatusForbidden, "AccessDeniedException")
				return true
			},
			fails: true,
			want:  []string{"Lambda|ListFunctions|AccessDeniedException|250ms"},
		},
		"no answer": {
			answer: func(http.ResponseWriter, int, func()) bool { panic(http.ErrAbortHandler) },
			fails:  true,
			want:   []string{"Lambda|ListFunctions|NoAnswer|250ms", "Lambda|ListFunctions|NoAnswer|250ms", "Lambda|ListFunctions|NoAnswer|250ms"},
		},
		"no answer that can be read": {
			answer: func(w http.ResponseWriter, _ int, _ func()) bool {
				_, _ = io.WriteString(w, "{hunter2")
				return true
			},
			fails: true,
			want:  []string{"Lambda|ListFunctions|NoAnswer|250ms"},
		},
		"ended": {
			answer: func(_ http.ResponseWriter, _ int, cancel func()) bool {
				cancel()
				panic(http.ErrAbortHandler)
			},
			fails: true,
			want:  []string{"Lambda|ListFunctions|Canceled|250ms"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, err := localaws.Open(localaws.Options{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				attempt := 0
				between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					attempt++
					time.Sleep(250 * time.Millisecond)
					if !test.answer(w, attempt, cancel) {
						server.ServeHTTP(w, r)
					}
				})
				var o observed
				cfg, err := cli.AWSConfig(ctx, o.add)
				if err != nil {
					t.Fatal(err)
				}
				cfg.BaseEndpoint, cfg.HTTPClient = aws.String(awstest.Endpoint), contextual{awstest.Client(between)}
				_, err = lambda.NewFromConfig(cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
				if (err != nil) != test.fails {
					t.Errorf("the call: %v", err)
				}
				if diff := cmp.Diff(test.want, o.calls); diff != "" {
					t.Errorf("observed (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// contextual gives the error of a request whose context ended, as an HTTP transport does.
type contextual struct{ *http.Client }

func (c contextual) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.Client.Do(r)
	if err != nil {
		return nil, errors.Join(r.Context().Err(), err)
	}
	return resp, nil
}

func TestCallsNeedNoObserver(t *testing.T) {
	setAWS(t, nil)
	if cfg, err := cli.AWSConfig(t.Context(), nil); err != nil || len(cfg.APIOptions) != 1 { // the shared rate alone
		t.Errorf("%d options, %v", len(cfg.APIOptions), err)
	}
}

// A call that is never sent is not one.
func TestCallsThatAreNotSentAreNotObserved(t *testing.T) {
	setAWS(t, nil)
	var o observed
	cfg, err := cli.AWSConfig(t.Context(), o.add)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("expired") })
	if _, err := lambda.NewFromConfig(cfg).ListFunctions(t.Context(), &lambda.ListFunctionsInput{}); err == nil || o.calls != nil {
		t.Errorf("%v, observed %q", err, o.calls)
	}
}

// What the SDK asks for by itself, to get credentials, is a call as any other.
func TestCallsForCredentialsAreObserved(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>`)
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	setAWS(t, map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ENDPOINT_URL_STS": server.URL,
		"AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/sealift", "AWS_WEB_IDENTITY_TOKEN_FILE": token,
	})
	var codes []string
	_, err := cli.AWSConfig(t.Context(), func(service, operation, code string, _ time.Duration) {
		codes = append(codes, service+" "+operation+" "+code)
	})
	if err == nil || err.Error() != "no usable AWS credentials were found" {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"STS AssumeRoleWithWebIdentity AccessDenied"}, codes); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}
