package s3

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// request is what an operation gets.
type request struct {
	*http.Request
	caller wire.Caller
	bucket string
	key    string
	query  url.Values
	writer http.ResponseWriter // for limits of the body
}

// reply is what an operation answers.
type reply struct {
	status   int // 0 is 200
	header   map[string]string
	document any    // encoded as XML
	content  []byte // otherwise
}

// operation is one method on a bucket or an object.
type operation struct {
	name     string
	mutating bool
	query    []string // parameters that it takes
	headers  []string // x-amz- headers that it takes, beside those of all
	answer   func(*Service, request) (reply, error)
}

// common are the x-amz- headers that every operation takes.
var common = []string{"date", "content-sha256", "security-token", "user-agent", "expected-bucket-owner", "request-payer", "optional-object-attributes"}

// body are those of operations that take content.
var body = []string{"decoded-content-length", "trailer", "sdk-checksum-algorithm", "checksum-crc32", "checksum-crc32c", "checksum-crc64nvme", "checksum-sha1", "checksum-sha256"}

// operations maps a method, what it is about, and the sub-resource to an operation.
func operations() map[string]operation {
	return map[string]operation{
		"PUT bucket":            {"CreateBucket", true, nil, body, (*Service).createBucket},
		"HEAD bucket":           {"HeadBucket", false, nil, nil, (*Service).headBucket},
		"PUT bucket?versioning": {"PutBucketVersioning", true, []string{"versioning"}, body, (*Service).putVersioning},
		"GET bucket?versioning": {"GetBucketVersioning", false, []string{"versioning"}, nil, (*Service).getVersioning},

		"PUT object":    {"PutObject", true, nil, append([]string{"server-side-encryption", "storage-class"}, body...), (*Service).putObject},
		"GET object":    {"GetObject", false, []string{"versionId"}, []string{"checksum-mode"}, (*Service).getObject},
		"HEAD object":   {"HeadObject", false, []string{"versionId"}, []string{"checksum-mode"}, (*Service).getObject},
		"DELETE object": {"DeleteObject", true, []string{"versionId"}, nil, (*Service).deleteObject},

		"POST object?uploads":    {"CreateMultipartUpload", true, []string{"uploads"}, []string{"checksum-algorithm", "checksum-type", "server-side-encryption", "storage-class"}, (*Service).createUpload},
		"PUT object?uploadId":    {"UploadPart", true, []string{"uploadId", "partNumber"}, body, (*Service).uploadPart},
		"POST object?uploadId":   {"CompleteMultipartUpload", true, []string{"uploadId"}, append([]string{"checksum-type", "mp-object-size"}, body...), (*Service).completeUpload},
		"DELETE object?uploadId": {"AbortMultipartUpload", true, []string{"uploadId"}, nil, (*Service).abortUpload},
	}
}

// virtual is what ends the host of a request that has the bucket in front.
const virtual = ".localhost"

// route finds the operation of a request, and the bucket and the key that it is about.
func route(r *http.Request) (op operation, bucket, key string, ok bool) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	host, _, _ := strings.Cut(r.Host, ":")
	if named, found := strings.CutSuffix(host, virtual); found {
		bucket, key = named, path
	} else {
		bucket, key, _ = strings.Cut(path, "/")
	}
	query := r.URL.Query()
	about := r.Method + " object"
	if key == "" {
		about = r.Method + " bucket"
	}
	for _, part := range []string{"uploads", "uploadId", "versioning"} {
		if query.Has(part) {
			about += "?" + part
			break
		}
	}
	op, ok = operations()[about]
	return op, bucket, key, ok && bucket != ""
}

// Operation returns the name of the operation that r asks for, "" if there is none, and whether it changes something.
func (s *Service) Operation(r *http.Request) (name string, mutating bool) {
	op, _, _, _ := route(r)
	return op.name, op.mutating
}

// ours are query parameters that SDKs add to say what they ask for.
const ours = "x-id"

// foreign names a parameter or a header that op does not take, "" if there is none.
func (op operation) foreign(r *http.Request) string {
	for name := range r.URL.Query() {
		if name != ours && !slices.Contains(op.query, name) {
			return "the parameter " + name
		}
	}
	for name := range r.Header {
		short, amazon := strings.CutPrefix(strings.ToLower(name), "x-amz-")
		if amazon && !slices.Contains(common, short) && !slices.Contains(op.headers, short) && !(strings.HasPrefix(short, "meta-") && op.takesMetadata()) {
			return "the header " + strings.ToLower(name)
		}
	}
	return ""
}

func (op operation) takesMetadata() bool {
	return op.name == "PutObject" || op.name == "CreateMultipartUpload"
}

// Serve answers one signed request.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, caller wire.Caller) wire.Outcome {
	op, bucket, key, ok := route(r)
	asked := wire.Outcome{Operation: op.name, Mutating: op.mutating, Status: http.StatusOK}
	if !ok {
		asked.Operation = r.Method + " " + r.URL.EscapedPath()
		return refuse(w, r, caller.RequestID, asked, notImplemented("the S3 operation "+asked.Operation+" "+r.URL.RawQuery))
	}
	asked.Resource = "arn:" + wire.Partition(caller.Region) + ":s3:::" + strings.TrimSuffix(bucket+"/"+key, "/")
	if foreign := op.foreign(r); foreign != "" {
		return refuse(w, r, caller.RequestID, asked, notImplemented(foreign+" of "+op.name))
	}
	if owner := r.Header.Get("X-Amz-Expected-Bucket-Owner"); owner != "" && owner != caller.Account {
		return refuse(w, r, caller.RequestID, asked, accessDenied())
	}
	answer, err := op.answer(s, request{Request: r, caller: caller, bucket: bucket, key: key, query: r.URL.Query(), writer: w})
	for name, value := range answer.header {
		w.Header().Set(name, value)
	}
	if err != nil {
		return refuse(w, r, caller.RequestID, asked, wire.AsError(err))
	}
	if answer.status != 0 {
		asked.Status = answer.status
	}
	answer.write(w, r, asked.Status)
	return asked
}

func (a reply) write(w http.ResponseWriter, r *http.Request, status int) {
	if a.document == nil {
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(a.content) // the caller is gone if this fails
		}
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(a.document)
}

// errorDocument is an error in S3's form.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
type errorDocument struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestId string
}

// Refuse answers err to a request that never reached an operation. Codes of S3 have no "Exception" at their end.
func Refuse(w http.ResponseWriter, r *http.Request, requestID, operation string, err *wire.Error) wire.Outcome {
	plain := *err
	switch plain.Code = strings.TrimSuffix(err.Code, "Exception"); plain.Code {
	case "MissingAuthenticationToken":
		plain.Code = "AccessDenied"
	case "UnrecognizedClient":
		plain.Code = "InvalidAccessKeyId"
	}
	return refuse(w, r, requestID, wire.Outcome{Operation: operation}, &plain)
}

func refuse(w http.ResponseWriter, r *http.Request, requestID string, asked wire.Outcome, err *wire.Error) wire.Outcome {
	refused := *err
	if refused.Code == "InternalFailure" {
		refused.Code = "InternalError"
	}
	w.Header().Set("X-Amz-Request-Id", requestID)
	document := reply{document: errorDocument{Code: refused.Code, Message: refused.Message, RequestId: requestID}}
	if r.Method == http.MethodHead || refused.Status == http.StatusNotModified {
		document = reply{}
	}
	document.write(w, r, refused.Status)
	return asked.Failed(&refused)
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func notImplemented(what string) *wire.Error {
	return wire.Errorf(http.StatusNotImplemented, "NotImplemented", "local AWS does not have %s", what)
}

func accessDenied() *wire.Error {
	return wire.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied")
}

func noSuchKey() *wire.Error {
	return wire.Errorf(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

func invalidArgument(message string) *wire.Error {
	return wire.Errorf(http.StatusBadRequest, "InvalidArgument", "%s", message)
}
