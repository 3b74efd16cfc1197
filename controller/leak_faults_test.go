package controller_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/hack/leaktest"
)

// theirs is a value in the function's environment that is nobody's business. Lambda alone
// may be sent it, which had it before.
const theirs = "foreign-canary-90c2"

// talker is an HTTP client that answers one kind of call itself. What it answers has in it
// the request and all that it should know nothing of.
type talker struct {
	next interface {
		Do(*http.Request) (*http.Response, error)
	}
	leaks *leaktest.Watch

	mu   sync.Mutex
	seen []string
	at   string // operation
	how  string
	met  bool
}

func (c *talker) Do(r *http.Request) (*http.Response, error) {
	name := operation(r)
	c.mu.Lock()
	if !slices.Contains(c.seen, name) {
		c.seen = append(c.seen, name)
	}
	fault := c.at == name
	c.met = c.met || fault
	how := c.how
	c.mu.Unlock()
	if !fault {
		return c.next.Do(r)
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // from memory
	}
	c.leaks.Look("a request "+name, body)
	said := fmt.Sprintf("environment too large: %s %s %s", body, canary, theirs)
	switch how {
	case "denied":
		return answer(r, http.StatusForbidden, "AccessDeniedException", said), nil
	case "throttled":
		return answer(r, http.StatusTooManyRequests, "ThrottlingException", said), nil
	case "validation":
		return answer(r, http.StatusBadRequest, "ValidationException", said), nil
	case "own fault":
		return answer(r, http.StatusInternalServerError, "ServiceException", said), nil
	case "reset":
		return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: syscall.ECONNRESET}
	case "garbage":
		return plain(r, http.StatusOK, "<html>"+said), nil
	}
	return plain(r, http.StatusBadGateway, "<html>"+said), nil
}

func answer(r *http.Request, status int, code, message string) *http.Response {
	body, _ := json.Marshal(map[string]string{"__type": code, "message": message, "Message": message}) // of strings alone
	resp := plain(r, status, string(body))
	resp.Header.Set("X-Amzn-Errortype", code)
	return resp
}

func plain(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}

// talk are the ways in which calls fail: all for one delivery, and for the others, whose calls
// are read by the same code, those that say most.
func talk(delivery v1alpha1.Delivery) []string {
	if delivery != v1alpha1.DeliveryPackage {
		return []string{"validation", "garbage", "reset"}
	}
	return []string{"denied", "throttled", "validation", "own fault", "reset", "garbage", "proxy"}
}

// Whatever AWS answers to which call, no value is in an error, in the log, in a result, in
// what AWS is sent or in what is deployed.
func TestNothingLeaksFromFailures(t *testing.T) {
	cases := 0
	for _, delivery := range []v1alpha1.Delivery{v1alpha1.DeliveryPackage, v1alpha1.DeliveryLayer, v1alpha1.DeliveryEnvironment} {
		for _, step := range []string{"first", "secret change"} {
			t.Run(string(delivery)+", "+step, func(t *testing.T) {
				inTalk(t, func(f *fixture, c *talker) { cases += f.fails(c, delivery, step) })
			})
		}
	}
	if cases < 150 {
		t.Errorf("%d cases are few", cases)
	}
	t.Logf("%d cases", cases)
}

func inTalk(t *testing.T, do func(*fixture, *talker)) {
	synctest.Test(t, func(t *testing.T) {
		c := &talker{}
		f := newFixture(t, func(cfg *aws.Config) {
			c.next = cfg.HTTPClient
			cfg.HTTPClient = c
		})
		f.leaks.Secret("foreign", theirs)
		f.leaks.Secret("sealed", canary)
		do(f, c)
	})
}

// fails lets each call of an apply fail in each way, and returns how many cases those were.
func (f *fixture) fails(c *talker, delivery v1alpha1.Delivery, step string) int {
	t := f.t
	c.leaks = f.leaks
	f.foreign(theirs)
	target := func(value string) controller.Target {
		return f.delivered(string(delivery), func(m *manifest) { m.env = map[string]string{"LOG_LEVEL": "info"} }, f.seal("hello", map[string]string{"TOKEN": value}))
	}
	wanted, cases := target(canary+"-0"), 0
	operations := []string{"GET hello", "Decrypt", "GenerateDataKey", "PUT configuration", "POST aliases"}
	if step == "secret change" {
		f.apply(wanted)
		c.seen = nil
		f.apply(target(canary + "-1"))
		operations = slices.Clone(c.seen)
	}
	for _, operation := range operations {
		for _, how := range talk(delivery) {
			cases++
			wanted = target(fmt.Sprintf("%s-%d", canary, cases))
			c.at, c.how, c.met = operation, how, false
			_, err := f.r.Apply(t.Context(), wanted, f.trusted)
			if c.met && err == nil && (how != "denied" || operation != "GET code-signing-config") {
				t.Errorf("%s at %s: no error", how, operation)
			}
			_, _, _ = f.r.Status(t.Context(), wanted) // looked at by f.leaks
			c.at = ""
		}
	}
	f.apply(wanted)
	for i, out := range []*lambda.GetFunctionOutput{f.get(""), f.get("live")} {
		f.leaks.Value(fmt.Sprint("what is deployed ", i), out)
	}
	return cases
}

// foreign sets a variable of the function as somebody else does.
func (f *fixture) foreign(value string) {
	f.t.Helper()
	time.Sleep(10 * time.Second) // in the bubble, until it is made
	_, err := f.direct().UpdateFunctionConfiguration(f.t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("hello"), Environment: &types.Environment{Variables: map[string]string{"FOREIGN": value}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(10 * time.Second) // in the bubble, until it is updated
}

// crashing panics with what it holds where a pass has the plaintext.
type crashing struct {
	controller.Keys
	with any
}

func (k crashing) GenerateDataKey(context.Context, string, string, map[string]string) (*envelope.DataKey, error) {
	panic(k.with)
}

// What a pass panics with is in no log and in no status, whatever it is.
func TestNothingLeaksFromPanics(t *testing.T) {
	for name, with := range map[string]any{
		"text": canary, "error": errors.New(canary), "wrapped": fmt.Errorf("seal: %w", errors.New(canary)), "bytes": []byte(canary), "values": map[string]string{"TOKEN": canary},
		"secret": envelope.NewSecret([]byte(canary)), "pointer": &struct{ Value string }{canary},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				f.r.Reconciler = f.crashing(with)
				op := newOperation(f)
				defer func() { op.halt() }()
				op.push("code 1", op.configs(1)[0])
				op.start()
				after(time.Minute)
				if got := op.log.String(); !strings.Contains(got, "internal error: panic with a ") || !strings.Contains(got, "crashing.GenerateDataKey") {
					t.Errorf("the log does not tell of the panic:\n%s", got)
				}
			})
		})
	}
}

func (f *fixture) crashing(with any) *controller.Reconciler {
	functions := awslambda.New(awstest.Config(f.aws, region), awslambda.Options{HTTP: awstest.Client(f.aws)})
	return controller.New(controller.Options{
		Observer: functions, Downloader: functions, Writer: functions, Releaser: functions, Canary: functions, Layers: functions, Signing: functions, Published: functions, Cleaner: functions,
		Keys: crashing{f.kms, with}, Uploads: f.uploads, Objects: f.s3, Rand: rand.Reader, Now: time.Now, Log: f.logger,
	})
}
