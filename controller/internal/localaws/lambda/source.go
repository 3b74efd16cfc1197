package lambda

import (
	"net/http"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// source is where a function's code is taken from: a zip of the request itself, or an object of S3 in the function's region.
type source struct {
	S3Bucket        string
	S3Key           string
	S3ObjectVersion string
	ZipFile         []byte
}

// given reports whether there is any source.
func (s source) given() bool {
	return s.ZipFile != nil || s.S3Bucket != "" || s.S3Key != "" || s.S3ObjectVersion != ""
}

// zip returns the package. An object is read at the time of the call, and may be larger than what a request can carry; S3's
// refusals are told as AWS tells them.
func (s *Service) zip(region string, from source) ([]byte, error) {
	inS3 := from.S3Bucket != "" || from.S3Key != "" || from.S3ObjectVersion != ""
	switch {
	case inS3 && from.ZipFile != nil:
		return nil, invalidParameter("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case inS3 && (from.S3Bucket == "" || from.S3Key == ""):
		return nil, invalidParameter("Please provide a source for function code.")
	case !inS3 && len(from.ZipFile) > maxZipped:
		return nil, wire.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Zipped size must be smaller than %d bytes", maxZipped)
	case !inS3:
		return from.ZipFile, nil
	}
	data, err := s.objects.Read(region, from.S3Bucket, from.S3Key, from.S3ObjectVersion)
	if err != nil {
		refused := wire.AsError(err)
		return nil, invalidParameter("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", refused.Code, refused.Message)
	}
	return data, nil
}
