package cli_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/localaws"
)

// An apply that fails behind its upload is resumed by the next process in the same
// clone, without a second data key; one in another clone uploads again.
func TestApplyIsResumedByTheNextProcess(t *testing.T) {
	for _, again := range []struct {
		name     string
		other    bool
		dataKeys int
	}{{"same clone", false, 1}, {"other clone", true, 2}} {
		t.Run(again.name, func(t *testing.T) {
			server, err := localaws.Open(localaws.Options{Settle: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			var denied atomic.Bool
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if denied.Load() && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/configuration") {
					w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
					w.WriteHeader(http.StatusForbidden)
					return
				}
				server.ServeHTTP(w, r)
			}))
			t.Cleanup(web.Close)
			if err := create(lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}), "hello", nil); err != nil {
				t.Fatal(err)
			}
			s := newSite(t, web.URL)
			s.settle()
			denied.Store(true)
			out := s.run(2, "", "sealift apply")
			if !strings.Contains(out, "sealift: payments/hello: lambda:UpdateFunctionConfiguration on arn:aws:lambda:us-east-2:000000000000:function:hello as arn:aws:iam::000000000000:root: access denied\nhint: allow lambda:UpdateFunctionConfiguration") {
				t.Errorf("denied: %s", out)
			}
			denied.Store(false)
			if again.other {
				s.run(0, "", "git clone -q . other")
				s.dir += "/other"
			}
			out = s.run(0, "", "sealift apply")
			if resumed := strings.Contains(out, "uploaded by an apply that was cut off"); resumed == again.other || !strings.Contains(out, "done: alias live names version 1") {
				t.Errorf("applied again: %s", out)
			}
			drawn := 0
			for _, call := range server.Calls() {
				// One data key is drawn for nothing but the bundle: sealing is offline.
				if call.Operation == "GenerateDataKey" {
					drawn++
				}
			}
			if drawn != again.dataKeys {
				t.Errorf("%d data keys drawn, want %d", drawn, again.dataKeys)
			}
		})
	}
}
