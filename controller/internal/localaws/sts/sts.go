// Package sts is the local AWS's Security Token Service: the awsQuery protocol and GetCallerIdentity, the call by which
// people and programs see which account they talk to. Every signature is the account's root.
// See https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html.
package sts

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

const (
	namespace  = "https://sts.amazonaws.com/doc/2011-06-15/"
	apiVersion = "2011-06-15"
	maxRequest = 64 << 10
)

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
func Serve(w http.ResponseWriter, r *http.Request, caller wire.Caller) wire.Outcome {
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
	if version := form.Get("Version"); action != "GetCallerIdentity" || version != apiVersion {
		return Refuse(w, caller.RequestID, action, wire.Errorf(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s: local AWS has GetCallerIdentity only", action, version))
	}
	answer(w, http.StatusOK, getCallerIdentityResponse{
		Result: identity{
			Arn:    "arn:" + wire.Partition(caller.Region) + ":iam::" + caller.Account + ":root",
			UserId: caller.Account, Account: caller.Account,
		},
		ResponseMetadata: metadata{caller.RequestID},
	})
	return wire.Outcome{Operation: action, Status: http.StatusOK}
}

// Refuse answers err; operation is what was asked for.
func Refuse(w http.ResponseWriter, requestID, operation string, err *wire.Error) wire.Outcome {
	response := errorResponse{Namespace: namespace, RequestId: requestID}
	refused := *err
	refused.Code = strings.TrimSuffix(err.Code, "Exception") // the query protocol's codes have no suffix
	response.Error.Type, response.Error.Code, response.Error.Message = "Sender", refused.Code, refused.Message
	answer(w, err.Status, response)
	return wire.Outcome{Operation: operation}.Failed(&refused)
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(document) // the caller is gone if this fails
}
