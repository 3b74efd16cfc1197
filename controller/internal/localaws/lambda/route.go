package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// Limits of a request's body in bytes: one that carries a package (50 MB in base64 and the rest), a payload, any other.
// See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxCodeRequest   = 70167211
	maxInvokeRequest = 6 << 20
	maxOtherRequest  = 1 << 20
)

// request is what an operation gets.
type request struct {
	caller   wire.Caller
	function string // the path's function or layer, or the ARN of what has tags, as it was given
	alias    string // the path's alias name, or the number of a layer version
	query    url.Values
	header   http.Header
	body     []byte
}

// reply is what an operation answers.
type reply struct {
	body     any    // encoded as JSON, unless payload is set; nil is an empty body
	payload  []byte // sent as it is
	header   map[string]string
	status   int    // 0 is the operation's
	resource string // the ARN that the operation was about; also beside an error
}

// operation is one method of one path.
type operation struct {
	name     string
	mutating bool
	status   int
	limit    int64
	answer   func(context.Context, request) (reply, error)
}

// routes maps a method and the shape of a path to its operation.
func (s *Service) routes() map[string]operation {
	read := func(name string, answer func(request) (reply, error)) operation {
		return operation{name: name, status: http.StatusOK, limit: maxOtherRequest, answer: without(answer)}
	}
	write := func(name string, status int, limit int64, answer func(request) (reply, error)) operation {
		return operation{name: name, mutating: true, status: status, limit: limit, answer: without(answer)}
	}
	return map[string]operation{
		"GET functions":                 read("ListFunctions", s.listFunctions),
		"POST functions":                write("CreateFunction", http.StatusCreated, maxCodeRequest, input("CreateFunction", s.createFunction)),
		"GET functions/*":               read("GetFunction", s.getFunction),
		"DELETE functions/*":            write("DeleteFunction", http.StatusNoContent, maxOtherRequest, s.deleteFunction),
		"GET functions/*/configuration": read("GetFunctionConfiguration", s.getFunctionConfiguration),
		"PUT functions/*/configuration": write("UpdateFunctionConfiguration", http.StatusOK, maxOtherRequest, input("UpdateFunctionConfiguration", s.updateFunctionConfiguration)),
		"PUT functions/*/code":          write("UpdateFunctionCode", http.StatusOK, maxCodeRequest, input("UpdateFunctionCode", s.updateFunctionCode)),
		"GET functions/*/versions":      read("ListVersionsByFunction", s.listVersions),
		"POST functions/*/versions":     write("PublishVersion", http.StatusCreated, maxOtherRequest, input("PublishVersion", s.publishVersion)),
		"GET functions/*/aliases":       read("ListAliases", s.listAliases),
		"POST functions/*/aliases":      write("CreateAlias", http.StatusCreated, maxOtherRequest, input("CreateAlias", s.createAlias)),
		"GET functions/*/aliases/*":     read("GetAlias", s.getAlias),
		"PUT functions/*/aliases/*":     write("UpdateAlias", http.StatusOK, maxOtherRequest, input("UpdateAlias", s.updateAlias)),
		"DELETE functions/*/aliases/*":  write("DeleteAlias", http.StatusNoContent, maxOtherRequest, s.deleteAlias),
		"GET tags/*":                    read("ListTags", s.listTags),
		"POST tags/*":                   write("TagResource", http.StatusNoContent, maxOtherRequest, input("TagResource", s.tagResource)),
		"DELETE tags/*":                 write("UntagResource", http.StatusNoContent, maxOtherRequest, s.untagResource),
		"GET layers":                    read("ListLayers", s.listLayers),
		"GET layers?find":               read("GetLayerVersionByArn", s.getLayerVersionByArn),
		"GET layers/*/versions":         read("ListLayerVersions", s.listLayerVersions),
		"POST layers/*/versions":        write("PublishLayerVersion", http.StatusCreated, maxCodeRequest, input("PublishLayerVersion", s.publishLayerVersion)),
		"GET layers/*/versions/*":       read("GetLayerVersion", s.getLayerVersion),
		"DELETE layers/*/versions/*":    write("DeleteLayerVersion", http.StatusNoContent, maxOtherRequest, s.deleteLayerVersion),

		"GET functions/*/policy":                  read("GetPolicy", s.getPolicy),
		"GET functions/*/provisioned-concurrency": read("ListProvisionedConcurrencyConfigs", s.listProvisionedConcurrency),
		"GET event-source-mappings":               read("ListEventSourceMappings", s.listEventSourceMappings),

		"GET functions/*/code-signing-config": read("GetFunctionCodeSigningConfig", s.getFunctionCodeSigningConfig),
		"GET code-signing-configs/*":          read("GetCodeSigningConfig", s.getCodeSigningConfig),

		"POST functions/*/invocations": {name: "Invoke", status: http.StatusOK, limit: maxInvokeRequest, answer: s.invoke},
	}
}

func without(answer func(request) (reply, error)) func(context.Context, request) (reply, error) {
	return func(_ context.Context, req request) (reply, error) { return answer(req) }
}

// input decodes the JSON body for answer. A member that local AWS does not have is refused by name.
func input[In any](operation string, answer func(request, In) (reply, error)) func(request) (reply, error) {
	return func(req request) (reply, error) {
		var in In
		if len(req.body) > 0 {
			if err := decode(req.body, &in); err != nil {
				return reply{}, undecodable(operation, err)
			}
		}
		return answer(req, in)
	}
}

// decode reads the one JSON value of body into value; a member that value does not have is an error.
func decode(body []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("trailing data")
	}
	return nil
}

// undecodable says what is wrong with a request's body without repeating a value of it.
func undecodable(operation string, err error) error {
	if member, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return invalidParameter("local AWS does not have the member %s of %s", member, operation)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wire.Errorf(http.StatusBadRequest, "SerializationException", "the member %s cannot be a JSON %s", memberName(wrong.Field), wrong.Value)
	}
	return wire.Errorf(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: it is not a JSON object of the expected form")
}

// memberName is the path of a member without the names of the Go structs that hold shared members.
func memberName(path string) string {
	if first, rest, ok := strings.Cut(path, "."); ok && strings.ToLower(first[:1]) == first[:1] {
		return rest
	}
	return path
}

// apiVersion is the version in the paths of a kind of resource.
func apiVersion(shape []string) string {
	switch {
	case shape[0] == "tags":
		return "2017-03-31"
	case shape[0] == "layers":
		return "2018-10-31"
	case shape[0] == "code-signing-configs":
		return "2020-04-22"
	case len(shape) == 3 && shape[2] == "code-signing-config":
		return "2020-06-30"
	case len(shape) == 3 && shape[2] == "provisioned-concurrency":
		return "2019-09-30"
	default:
		return "2015-03-31"
	}
}

// route finds the operation of a path and the names in it.
func (s *Service) route(r *http.Request) (op operation, function, alias string, ok bool) {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	if len(segments) < 2 || len(segments) > 5 || segments[0] != apiVersion(segments[1:]) {
		return operation{}, "", "", false
	}
	shape := segments[1:]
	names := make([]string, 2)
	for i, at := range []int{1, 3} {
		if at < len(shape) {
			name, err := url.PathUnescape(shape[at])
			if err != nil || name == "" {
				return operation{}, "", "", false
			}
			names[i], shape[at] = name, "*"
		}
	}
	key := r.Method + " " + strings.Join(shape, "/")
	if key == "GET layers" && r.URL.Query().Get("find") == "LayerVersion" {
		key += "?find"
	}
	op, ok = s.operations[key]
	return op, names[0], names[1], ok
}

// Operation returns the name of the operation that r asks for, "" if there is none, and
// whether it changes something.
func (s *Service) Operation(r *http.Request) (name string, mutating bool) {
	op, _, _, _ := s.route(r)
	return op.name, op.mutating
}

// Serve answers one signed request.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, caller wire.Caller) wire.Outcome {
	op, function, alias, ok := s.route(r)
	if !ok {
		asked := r.Method + " " + r.URL.EscapedPath()
		return Refuse(w, asked, wire.Errorf(http.StatusNotFound, "UnknownOperationException", "local AWS does not have the Lambda operation %s", asked))
	}
	outcome := wire.Outcome{Operation: op.name, Mutating: op.mutating}
	body, err := wire.ReadBody(w, r, op.limit, tooLarge(op))
	if err != nil {
		return refuse(w, outcome, err)
	}
	answer, err := op.answer(r.Context(), request{caller: caller, function: function, alias: alias, query: r.URL.Query(), header: r.Header, body: body})
	outcome.Resource = answer.resource
	if err != nil {
		return refuse(w, outcome, err)
	}
	outcome.Status = op.status
	if answer.status != 0 {
		outcome.Status = answer.status
	}
	answer.write(w, outcome.Status)
	return outcome
}

func (a reply) write(w http.ResponseWriter, status int) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if a.body == nil {
		_, _ = w.Write(a.payload) // the caller is gone if this fails
		return
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(a.body)
}

func tooLarge(op operation) *wire.Error {
	name := op.name
	if name == "Invoke" {
		name = "InvokeFunction" // so AWS calls it here
	}
	return wire.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request must be smaller than %d bytes for the %s operation", op.limit, name)
}

// Refuse answers err to a request that never reached an operation.
func Refuse(w http.ResponseWriter, operation string, err *wire.Error) wire.Outcome {
	return refuse(w, wire.Outcome{Operation: operation}, err)
}

// refuse answers an error. What is neither AWS's nor the caller's fault is a ServiceException, as AWS says it.
func refuse(w http.ResponseWriter, outcome wire.Outcome, err error) wire.Outcome {
	answer := wire.AsError(err)
	if answer.Code == "InternalFailure" {
		answer = wire.Errorf(http.StatusInternalServerError, "ServiceException", "%s", answer.Message)
	}
	body := map[string]string{"message": answer.Message}
	switch answer.Code {
	case "ResourceNotFoundException":
		body = map[string]string{"Message": answer.Message, "Type": "User"}
	case "ServiceException":
		body = map[string]string{"Message": answer.Message, "Type": "Service"}
	case "InvalidParameterValueException", "PreconditionFailedException", "ResourceConflictException", "RequestEntityTooLargeException", "InvalidRequestContentException":
		body["Type"] = "User"
	case "TooManyRequestsException": // of the API's rate: those of invocations are none of local AWS's
		body["Type"], body["Reason"] = "User", "CallerRateLimitExceeded"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", answer.Code)
	w.WriteHeader(answer.Status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body)
	return outcome.Failed(answer)
}
