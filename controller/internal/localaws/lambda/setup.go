package lambda

import (
	"net/http"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// What can be set up on a version beside aliases. Local AWS does not let a caller set any of it up, and so answers that
// there is none of it.

type eventSourceMappingsOutput struct {
	EventSourceMappings []struct{}
}

type provisionedConcurrencyOutput struct {
	ProvisionedConcurrencyConfigs []struct{}
}

// listEventSourceMappings answers that there are none, of a function or of all.
func (s *Service) listEventSourceMappings(req request) (reply, error) {
	answer := reply{body: eventSourceMappingsOutput{[]struct{}{}}}
	given := req.query.Get("FunctionName")
	if given == "" {
		return answer, nil
	}
	n, err := parseName(req.caller, given, "")
	answer.resource = n.arnOrNone()
	return answer, err
}

// listProvisionedConcurrency answers that no version and no alias has any.
func (s *Service) listProvisionedConcurrency(req request) (reply, error) {
	n, err := unqualified(req.caller, req.function)
	if err != nil {
		return reply{}, err
	}
	if req.query.Get("List") != "ALL" {
		return reply{resource: n.arn()}, wire.Errorf(http.StatusNotFound, "UnknownOperationException", "local AWS does not have the Lambda operation GetProvisionedConcurrencyConfig")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.find(n)
	return reply{resource: n.arn(), body: provisionedConcurrencyOutput{[]struct{}{}}}, err
}

// getPolicy answers that there is none.
func (s *Service) getPolicy(req request) (reply, error) {
	n, err := parseName(req.caller, req.function, req.query.Get("Qualifier"))
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(n.at(""))
	answer := reply{resource: n.arn()}
	if err != nil {
		return answer, err
	}
	if _, _, ok := f.resolve(n.qualifier); !ok {
		return answer, notFound("Function not found: %s", n.arn())
	}
	return answer, notFound("The resource you requested does not exist.")
}
