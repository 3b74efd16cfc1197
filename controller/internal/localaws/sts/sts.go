// Package sts is the local AWS's Security Token Service: the awsQuery protocol, GetCallerIdentity, by which people and
// programs see which account they talk to, and AssumeRole, by which they get to another one. There is no IAM: every role
// exists and may be assumed by everybody, with any external ID. Credentials of a role are of the role's account and end
// when they say; every other signature is the root of the account that answers.
// See https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html.
package sts

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

const (
	namespace  = "https://sts.amazonaws.com/doc/2011-06-15/"
	apiVersion = "2011-06-15"
	maxRequest = 64 << 10
)

// Service answers requests. It is safe for concurrent use.
type Service struct {
	Now    func() time.Time
	Random io.Reader // of access keys, safe for concurrent use
	Token  string    // that every session token ends with, see Token; may be ""
}

type getCallerIdentityResponse struct {
	XMLName          xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Result           identity `xml:"GetCallerIdentityResult"`
	ResponseMetadata metadata
}

type identity struct {
	Arn     string
	UserId  string
	Account string
}

type metadata struct{ RequestId string }

type errorResponse struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Error     struct {
		Type    string
		Code    string
		Message string
	}
	RequestId string
}

// Serve answers one signed request.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, caller wire.Caller) wire.Outcome {
	body, err := wire.ReadBody(w, r, maxRequest, wire.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is larger than %d bytes", maxRequest))
	if err != nil {
		return Refuse(w, caller.RequestID, "", wire.AsError(err))
	}
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		if form, err = url.ParseQuery(string(body)); err != nil {
			return Refuse(w, caller.RequestID, "", wire.Errorf(http.StatusBadRequest, "MalformedInput", "The request's form cannot be read"))
		}
	}
	action := form.Get("Action")
	outcome := wire.Outcome{Operation: action, Status: http.StatusOK}
	switch version := form.Get("Version"); {
	case action == "GetCallerIdentity" && version == apiVersion:
		answer(w, http.StatusOK, getCallerIdentityResponse{Result: identityOf(caller), ResponseMetadata: metadata{caller.RequestID}})
	case action == "AssumeRole" && version == apiVersion:
		outcome.Resource = form.Get("RoleArn")
		assumed, err := s.assumeRole(form, caller)
		if err != nil {
			return refuse(w, caller.RequestID, outcome, wire.AsError(err))
		}
		answer(w, http.StatusOK, assumeRoleResponse{Result: assumed, ResponseMetadata: metadata{caller.RequestID}})
	default:
		return Refuse(w, caller.RequestID, action, wire.Errorf(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s: local AWS has AssumeRole and GetCallerIdentity only", action, version))
	}
	return outcome
}

func identityOf(caller wire.Caller) identity {
	if caller.Principal != "" {
		_, session, _ := strings.Cut(caller.Principal, "/")
		_, session, _ = strings.Cut(session, "/")
		return identity{Arn: caller.Principal, UserId: roleID(caller.Principal[:len(caller.Principal)-len(session)]) + ":" + session, Account: caller.Account}
	}
	return identity{Arn: "arn:" + wire.Partition(caller.Region) + ":iam::" + caller.Account + ":root", UserId: caller.Account, Account: caller.Account}
}

// Refuse answers err; operation is what was asked for.
func Refuse(w http.ResponseWriter, requestID, operation string, err *wire.Error) wire.Outcome {
	return refuse(w, requestID, wire.Outcome{Operation: operation}, err)
}

func refuse(w http.ResponseWriter, requestID string, outcome wire.Outcome, err *wire.Error) wire.Outcome {
	response := errorResponse{Namespace: namespace, RequestId: requestID}
	refused := *err
	refused.Code = strings.TrimSuffix(err.Code, "Exception") // the query protocol's codes have no suffix
	response.Error.Type, response.Error.Code, response.Error.Message = "Sender", refused.Code, refused.Message
	answer(w, err.Status, response)
	return outcome.Failed(&refused)
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(document) // the caller is gone if this fails
}
