package reader

import "context"

// Once returns a function that opens the bundle when it is first called, and gives
// the same Secrets ever after. An error is not kept: the next call tries again, so
// that a function gets over a KMS that was busy at its first event. It is safe for
// concurrent use; calls that come while the bundle is opened wait for that, each
// until its own ctx ends, and one whose opening failed opens again itself.
func Once(options Options) func(ctx context.Context) (*Secrets, error) {
	turn := make(chan struct{}, 1) // holds a token while somebody opens
	var opened *Secrets
	return func(ctx context.Context) (*Secrets, error) {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return nil, &Error{Code: KMSBusy, Cause: "the caller stopped waiting for the bundle to be opened", err: ctx.Err()}
		}
		defer func() { <-turn }()
		if opened != nil {
			return opened, nil
		}
		secrets, err := Open(ctx, options)
		if err != nil {
			return nil, err
		}
		opened = secrets
		return secrets, nil
	}
}
