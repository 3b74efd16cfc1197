package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
	"sealift.dev/sealift/controller/internal/server"
)

// fake is an Operator of which the test says what it knows.
type fake struct {
	mu      sync.Mutex
	status  controller.OperatorStatus
	healthy error
	ready   error
}

func (f *fake) Status() controller.OperatorStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *fake) set(status controller.OperatorStatus) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

func (f *fake) Healthy() error { return f.healthy }
func (f *fake) Ready() error   { return f.ready }

var errFetch = errors.New("fetch: no answer")

// noon is when everything happens.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// conditions returns Ready, Sealed, Drifted and Stalled.
func conditions(ready, sealed, drifted, stalled metav1.ConditionStatus, message string) []metav1.Condition {
	at := metav1.NewTime(noon().Add(-time.Minute))
	return []metav1.Condition{
		{Type: plan.ConditionReady, Status: ready, Reason: "R", Message: message, LastTransitionTime: at},
		{Type: plan.ConditionSealed, Status: sealed, Reason: "S", LastTransitionTime: at},
		{Type: plan.ConditionDrifted, Status: drifted, Reason: "D", LastTransitionTime: at},
		{Type: plan.ConditionStalled, Status: stalled, Reason: "T", LastTransitionTime: at},
	}
}

// two is the status of an operator with two configs, one of them suspended and never
// applied, and one manifest that can't be used.
func two() controller.OperatorStatus {
	const yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	return controller.OperatorStatus{
		Revision: "3f2a9c1", Looked: metav1.NewTime(noon().Add(-1500 * time.Millisecond)),
		Faults: []controller.FaultStatus{{File: "manifests/bad.yaml", Message: "line 3: no such field"}},
		Configs: []controller.ConfigStatus{
			{
				Config: "payments/hello", File: "manifests/hello.yaml", Region: "us-east-2", Function: "hello", Alias: "live", Changes: "nothing",
				LastReason: "sealed values changed",
				Status: plan.Status{
					Revision: "3f2a9c1", Conditions: conditions(yes, yes, no, no, "a <b> & c"),
					Function: &plan.FunctionStatus{Version: "6", CodeSHA256: "c29tZQ=="},
					DataKey:  &plan.DataKeyStatus{Created: metav1.NewTime(noon().Add(-36 * time.Hour)), KMSKey: "alias/sealift-bundle"},
				},
			},
			{
				Config: "shop/cart", File: "manifests/cart.yaml", Region: "us-east-2", Function: "cart", Suspended: true,
				Status: plan.Status{Conditions: conditions(unknown, no, unknown, no, "spec.suspend is true")},
			},
		},
	}
}

func newMetrics() *server.Metrics {
	return server.NewMetrics(server.MetricsOptions{Version: "v1.2.3", Now: noon})
}

func newHandler(f *fake) http.Handler {
	return server.Handler(server.HandlerOptions{Operator: f, Metrics: newMetrics(), Log: slog.New(slog.DiscardHandler)})
}

// ask sends a request that arrived on an address, "" for an unknown one.
func ask(t *testing.T, handler http.Handler, method, target, host, arrived string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.Host = host
	if arrived != "" {
		addr, err := net.ResolveTCPAddr("tcp", arrived)
		if err != nil {
			t.Fatal(err)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(addr)))
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}
