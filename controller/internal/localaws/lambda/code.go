package lambda

import (
	"archive/zip"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// Limits of a package, see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxZipped   = 50 << 20
	maxUnzipped = 250 << 20
)

// downloadLife is how long the URL of a package is valid; AWS's is too.
const downloadLife = 10 * time.Minute

// DownloadPath is the path under which Service.Download is to be reached.
const DownloadPath = "/_localaws/code/"

// digest is the CodeSha256 of a package: base64 of its SHA-256.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// imageDigest stands for the digest of a container image, which AWS gives in hexadecimal: local AWS has the URI alone.
func imageDigest(uri string) string {
	sum := sha256.Sum256([]byte(uri))
	return hex.EncodeToString(sum[:])
}

// hexDigest is a CodeSha256 in hexadecimal, for names of files. What is no CodeSha256 gives the digits of its bytes, a name
// that no package has.
func hexDigest(codeSHA256 string) string {
	raw, err := base64.StdEncoding.DecodeString(codeSHA256)
	if err != nil {
		raw = []byte(codeSHA256)
	}
	return hex.EncodeToString(raw)
}

// checkPackage refuses what AWS cannot unpack or finds too large, and returns the size of the files.
func checkPackage(content []byte) (unzipped int64, err error) {
	if len(content) == 0 {
		return 0, invalidParameter("Uploaded file must be a non-empty zip")
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return 0, unreadablePackage()
	}
	if len(archive.File) == 0 {
		return 0, invalidParameter("Uploaded file must be a non-empty zip")
	}
	left := uint64(maxUnzipped)
	for _, entry := range archive.File {
		if entry.UncompressedSize64 > left {
			return 0, invalidParameter("Unzipped size must be smaller than %d bytes", maxUnzipped)
		}
		left -= entry.UncompressedSize64
	}
	for _, entry := range archive.File {
		if err := unpack(entry); err != nil {
			return 0, unreadablePackage()
		}
	}
	return int64(maxUnzipped - left), nil
}

func unreadablePackage() error {
	return invalidParameter("Could not unzip uploaded file. Please check your file, then try to upload again.")
}

// unpack reads an entry to its end, which checks its length and its sum, but not further than its header says it is long.
func unpack(entry *zip.File) error {
	reader, err := entry.Open()
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }() // nothing is written
	_, err = io.Copy(io.Discard, io.LimitReader(reader, int64(entry.UncompressedSize64)+1))
	return err
}

// signature authenticates a download of path until expires (seconds since 1970).
func (s *Service) signature(path, expires string) string {
	mac := hmac.New(sha256.New, s.signing)
	_, _ = fmt.Fprintf(mac, "%s\n%s", path, expires) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil))
}

// location is a URL for a package of n that needs no signature of the caller's, as AWS's presigned one.
func (s *Service) location(n name, codeSHA256 string) string {
	return s.locate(n.caller, n.function, codeSHA256)
}

// locate is location for a function, or for a layer by its name behind layerMark.
func (s *Service) locate(caller wire.Caller, owner, codeSHA256 string) string {
	path := DownloadPath + caller.Region + "/" + owner + "/" + hexDigest(codeSHA256)
	expires := strconv.FormatInt(s.now().Add(downloadLife).Unix(), 10)
	return caller.Endpoint + path + "?X-Amz-Expires=" + expires + "&X-Amz-Signature=" + s.signature(path, expires)
}

// Download answers a package to a GET of its location. URLs end with the process that gave them out.
func (s *Service) Download(w http.ResponseWriter, r *http.Request) {
	expires := r.URL.Query().Get("X-Amz-Expires")
	signature := s.signature(r.URL.Path, expires)
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || !hmac.Equal([]byte(signature), []byte(r.URL.Query().Get("X-Amz-Signature"))) {
		RefuseDownload(w, http.StatusForbidden, "SignatureDoesNotMatch", "The URL was not given out by this server")
		return
	}
	if s.now().Unix() >= until {
		RefuseDownload(w, http.StatusForbidden, "AccessDenied", "Request has expired")
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, DownloadPath), "/")
	sum, err := hex.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 3 {
		RefuseDownload(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	file := packageFile(parts[0], parts[1], base64.StdEncoding.EncodeToString(sum))
	if layer, is := strings.CutPrefix(parts[1], layerMark); is {
		file = layerFile(parts[0], layer, base64.StdEncoding.EncodeToString(sum))
	}
	content, err := s.folder.Get(file)
	if err != nil {
		RefuseDownload(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // the caller is gone if this fails
}

// RefuseDownload answers a download with an error as S3 does.
func RefuseDownload(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}
