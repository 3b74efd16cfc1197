package awslambda

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/plan"
)

// phase is what a state or a status of an update means for who is about to write.
type phase int

const (
	// unknown is a word that came after this program. It is waited for, as most words for
	// what is under way end by themselves, and then refused.
	unknown phase = iota
	passing
	lasting
)

// phaseOfState sorts the states of a function
// (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html). Emulators that
// know no states answer none. A function that is deactivated or can't be invoked may be
// written to; one that is being deleted ends as one that is not there.
func phaseOfState(s types.State) phase {
	switch s {
	case types.StateActive, types.StateInactive, types.StateFailed, types.StateDeactivated, types.StateActiveNonInvocable, "":
		return lasting
	case types.StatePending, types.StateDeactivating, types.StateDeleting:
		return passing
	}
	return unknown
}

func phaseOfUpdate(s types.LastUpdateStatus) phase {
	switch s {
	case types.LastUpdateStatusSuccessful, types.LastUpdateStatusFailed, "":
		return lasting
	case types.LastUpdateStatusInProgress:
		return passing
	}
	return unknown
}

// isSettled reports whether c is in a state that only a write changes.
func isSettled(c plan.Configuration) bool {
	return phaseOfState(types.State(c.State)) == lasting && phaseOfUpdate(types.LastUpdateStatus(c.LastUpdateStatus)) == lasting
}

// unsettled returns the error for a function that was waited for long enough. What is
// under way may still end; a word that nobody knows takes another program.
func (c *Client) unsettled(function string, conf plan.Configuration) error {
	for _, word := range []struct {
		of    string
		said  string
		phase phase
	}{
		{"State", conf.State, phaseOfState(types.State(conf.State))},
		{"LastUpdateStatus", conf.LastUpdateStatus, phaseOfUpdate(types.LastUpdateStatus(conf.LastUpdateStatus))},
	} {
		if word.phase == unknown {
			return c.fault("GetFunction", awserr.ARN(conf.ARN, function), "UnknownState", fmt.Sprintf("after %s its %s is still %q, which this sealift does not know, so nothing was written", patience, word.of, awserr.Name(word.said, "?")),
				"upgrade sealift; or see StateReason and LastUpdateStatusReason: aws lambda get-function-configuration --function-name "+function)
		}
	}
	e := c.fault("GetFunction", awserr.ARN(conf.ARN, function), "NotSettled", fmt.Sprintf("after %s still in the state %q, last update %q", patience, conf.State, conf.LastUpdateStatus),
		"see StateReason and LastUpdateStatusReason: aws lambda get-function-configuration --function-name "+function)
	e.Later = true
	return e
}
