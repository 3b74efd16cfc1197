package lambda

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// invoke runs a function. While an update of $LATEST is in progress, what was there before runs.
func (s *Service) invoke(ctx context.Context, req request) (reply, error) {
	if err := checkInvocation(req); err != nil {
		return reply{}, err
	}
	fn, err := s.invoked(req)
	answer := reply{resource: fn.ARN}
	if err != nil {
		return answer, err
	}
	if req.header.Get("X-Amz-Invocation-Type") == "DryRun" {
		answer.status = http.StatusNoContent
		return answer, nil
	}
	if s.invoker == nil {
		return answer, wire.Errorf(http.StatusInternalServerError, "ServiceException", "this local AWS was started without a runtime: it cannot run functions")
	}
	if fn.Runtime == "" {
		return answer, wire.Errorf(http.StatusInternalServerError, "ServiceException", "local AWS has container images as configuration alone: it cannot run them")
	}
	if fn.Code, err = s.folder.Get(packageFile(req.caller.Region, fn.Name, fn.CodeSHA256)); err != nil {
		return answer, err
	}
	if err := s.readLayers(req.caller.Region, fn.Layers); err != nil {
		return answer, err
	}
	payload := req.body
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	result, err := s.invoker.Invoke(ctx, fn, payload)
	if err != nil {
		return answer, wire.Errorf(http.StatusInternalServerError, "ServiceException", "local AWS could not run the function: %v", err)
	}
	answer.payload = result.Payload
	answer.header = map[string]string{"X-Amz-Executed-Version": fn.Version}
	if result.FunctionError != "" {
		answer.header["X-Amz-Function-Error"] = result.FunctionError
	}
	if req.header.Get("X-Amz-Log-Type") == "Tail" {
		answer.header["X-Amz-Log-Result"] = base64.StdEncoding.EncodeToString(result.LogTail)
	}
	return answer, nil
}

func checkInvocation(req request) error {
	var broken violations
	kind := req.header.Get("X-Amz-Invocation-Type")
	switch kind {
	case "", "RequestResponse", "DryRun", "Event":
	default:
		broken.add("'"+kind+"' ", "invocationType", "Member must satisfy enum value set: [Event, RequestResponse, DryRun]")
	}
	switch log := req.header.Get("X-Amz-Log-Type"); log {
	case "", "None", "Tail":
	default:
		broken.add("'"+log+"' ", "logType", "Member must satisfy enum value set: [None, Tail]")
	}
	if err := broken.err(); err != nil {
		return err
	}
	if kind == "Event" {
		return invalidParameter("local AWS does not have asynchronous invocation: InvocationType Event is not supported")
	}
	for _, header := range []string{"X-Amz-Client-Context", "X-Amz-Tenant-Id", "X-Amz-Durable-Execution-Name"} {
		if req.header.Get(header) != "" {
			return invalidParameter("local AWS does not have the header %s of Invoke", header)
		}
	}
	if len(req.body) > 0 && !json.Valid(req.body) {
		return wire.Errorf(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json")
	}
	return nil
}

// invoked returns what runs, without its package.
func (s *Service) invoked(req request) (runtime.Function, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, f, e, number, err := s.named(req)
	if err != nil {
		return runtime.Function{ARN: n.arn()}, err
	}
	if a, ok := f.Aliases[n.qualifier]; ok {
		if e, number, err = s.weigh(f, a, e, number); err != nil {
			return runtime.Function{ARN: n.arn()}, err
		}
	}
	run := e.Settings
	if !e.settled(s.now()) {
		if e.Creation {
			return runtime.Function{ARN: n.arn()}, conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
		}
		run = *f.Serving
	}
	return runtime.Function{
		Name: f.Name, Version: number, ARN: n.arn(), Runtime: run.Runtime, Handler: run.Handler, Architecture: run.Architecture,
		Region: req.caller.Region, AccountID: req.caller.Account, MemoryMB: run.MemorySize,
		Timeout: time.Duration(run.Timeout) * time.Second, Environment: run.Environment, CodeSHA256: run.CodeSHA256,
		Endpoint: req.caller.Endpoint, Layers: layersToRun(run.Layers),
	}, nil
}

// weigh draws the version that serves one invocation of a.
func (s *Service) weigh(f function, a alias, e edition, number string) (edition, string, error) {
	for other, weight := range a.Weights {
		var b [8]byte
		if _, err := io.ReadFull(s.random, b[:]); err != nil {
			return edition{}, "", fmt.Errorf("draw a version: %w", err)
		}
		if float64(binary.BigEndian.Uint64(b[:])>>11)/(1<<53) < weight {
			v, _ := f.version(other)
			return v.edition, other, nil
		}
	}
	return e, number, nil
}
