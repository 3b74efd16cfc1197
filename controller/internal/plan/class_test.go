package plan_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

func TestClassOf(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want plan.Class
	}{
		{"none", nil, ""},
		{"the operator ends", fmt.Errorf("read: %w", context.Canceled), plan.Interrupted},
		{"a time limit", context.DeadlineExceeded, plan.Transient},
		{"another writer", fmt.Errorf("lambda: %w", plan.ErrReobserve), plan.Transient},
		{"a fault of a manifest", v1alpha1.Errors{{File: "m.yaml", Cause: "required"}}, plan.Invalid},
		{"a value that does not open", fmt.Errorf("unseal A: %w", envelope.ErrOpen), plan.Invalid},
		{"a value of another place", fmt.Errorf("unseal A: %w", &envelope.ScopeError{}), plan.Invalid},
		{"a package that can't be built", fmt.Errorf("a/b: %w", plan.Refused{Err: errors.New("too large")}), plan.Invalid},
		{"interrupted while a package is built", plan.Refused{Err: context.Canceled}, plan.Interrupted},
		{"a state of the function", plan.Problem{Reason: "WeightedAlias"}, plan.Stalled},
		{"refused by AWS", failure{reason: "AccessDeniedException"}, plan.Stalled},
		{"AWS is busy", failure{transient: true}, plan.Transient},
		{"not known", errors.New("x"), plan.Transient},
	}
	for _, test := range tests {
		if got := plan.ClassOf(test.err); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
