package localaws_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealift.dev/sealift/controller/internal/localaws"
)

func s3Client(server *localaws.Server, pathStyle bool) *s3.Client {
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String("http://localhost:4600"), Credentials: keys(), RetryMaxAttempts: 1, UsePathStyle: pathStyle,
		HTTPClient: &http.Client{Transport: transport{server}},
	})
}

func getObject(t *testing.T, c *s3.Client, bucket, key, version string) string {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		return err.Error()
	}
	content, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Buckets, versions and delete markers survive a restart, by paths and by hosts alike; content that an interrupted write
// left does not.
func TestBucketsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	server, err := localaws.Open(localaws.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c, bucket := s3Client(server, false), aws.String("builds")
	_, err = c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}})
	if err == nil {
		_, err = c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	}
	var ids []string
	for _, content := range []string{"first", "second"} {
		if err == nil {
			var out *s3.PutObjectOutput
			if out, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("a/b"), Body: strings.NewReader(content)}); err == nil {
				ids = append(ids, *out.VersionId)
			}
		}
	}
	if err == nil {
		_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("gone"), Body: strings.NewReader("x")})
	}
	if err == nil {
		_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("gone")})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "s3", "builds", "objects", "0123", "left")
	if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c = s3Client(open(t, localaws.Options{Dir: dir}), true)
	for _, test := range []struct{ key, version, want string }{
		{"a/b", "", "second"}, {"a/b", ids[0], "first"}, {"a/b", ids[1], "second"}, {"gone", "", "NoSuchKey"},
	} {
		if got := getObject(t, c, "builds", test.key, test.version); got != test.want && !strings.Contains(got, test.want) {
			t.Errorf("%s, version %q: %s, want %s", test.key, test.version, got, test.want)
		}
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("content of no object is still there")
	}
}

// What the little S3 does not have is refused by name, and what is out of form in S3's words.
func TestS3Refusals(t *testing.T) {
	server := open(t, localaws.Options{})
	c := s3Client(server, true)
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("builds"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		t.Fatal(err)
	}
	empty := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	elsewhere := strings.Replace(signed("s3"), region, "eu-west-1", 1)
	for _, test := range []struct {
		name, method, target string
		header               map[string]string
		body                 string
		status               int
		want                 string
	}{
		{"listing", "GET", "/builds", nil, "", 501, "<Code>NotImplemented</Code><Message>local AWS does not have the S3 operation GET /builds </Message>"},
		{"sub-resource", "GET", "/builds/k?tagging", nil, "", 501, "<Message>local AWS does not have the parameter tagging of GetObject</Message>"},
		{"header", "PUT", "/builds/k", map[string]string{"x-amz-acl": "private"}, "", 501, "<Message>local AWS does not have the header x-amz-acl of PutObject</Message>"},
		{"key of KMS", "PUT", "/builds/k", map[string]string{"x-amz-server-side-encryption": "aws:kms"}, "", 501, "<Message>local AWS does not have server-side encryption but AES256</Message>"},
		{"no digest", "PUT", "/builds/k", nil, "", 400, "<Code>InvalidRequest</Code>"},
		{"another digest", "PUT", "/builds/k", map[string]string{"x-amz-content-sha256": empty}, "x", 400, "<Code>XAmzContentSHA256Mismatch</Code>"},
		{"cut short", "PUT", "/builds/k", map[string]string{"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "9"}, "9\r\nshort\r\n", 400, "<Code>IncompleteBody</Code>"},
		{"more than announced", "PUT", "/builds/k", map[string]string{"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "3"}, "5\r\nshort\r\n0\r\n\r\n", 400, "<Code>IncompleteBody</Code>"},
		{"no trailer", "PUT", "/builds/k", map[string]string{"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}, "5\r\nshort\r\n0\r\n\r\n", 400, "<Code>MalformedTrailerError</Code>"},
		{"no length", "PUT", "/builds/k", map[string]string{"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "0\r\n\r\n", 411, "<Code>MissingContentLength</Code>"},
		{"another region", "GET", "/builds/k", map[string]string{"Authorization": elsewhere}, "", 301, "<Code>PermanentRedirect</Code>"},
		{"no region", "GET", "/builds/k", map[string]string{"Authorization": strings.Replace(signed("s3"), region, "nowhere", 1)}, "", 403, "<Code>InvalidSignature</Code>"},
		{"no bucket", "GET", "/", nil, "", 501, "<Code>NotImplemented</Code>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := map[string]string{"Authorization": signed("s3")}
			for name, value := range test.header {
				header[name] = value
			}
			got := ask(t, server, test.method, test.target, header, test.body)
			if got.Code != test.status || !strings.Contains(got.Body.String(), test.want) {
				t.Errorf("%d, %s", got.Code, got.Body)
			}
		})
	}
}

// What the aws command line does with S3 works: with and without parts.
func TestAWSCommandLineS3(t *testing.T) {
	s := newShell(t)
	s.want("s3api create-bucket --bucket builds --create-bucket-configuration LocationConstraint="+region, "Location=/builds")
	s.want("s3api put-bucket-versioning --bucket builds --versioning-configuration Status=Enabled")
	s.want("s3api get-bucket-versioning --bucket builds", "Status=Enabled")
	s.write("small.zip", []byte("small"))
	put := s.want("s3api put-object --bucket builds --key small.zip --body small.zip", "ServerSideEncryption=AES256")
	s.want("s3api get-object --bucket builds --key small.zip --version-id "+lookup(put, "VersionId")+" got.zip", "ContentLength=5")
	large := bytes.Repeat([]byte("0123456789abcdef"), 640<<10) // 10 MiB, which goes in two parts
	s.write("large.zip", large)
	for _, file := range []string{"small.zip", "large.zip"} {
		for _, copy := range []string{"s3 cp " + file + " s3://builds/copied/" + file, "s3 cp s3://builds/copied/" + file + " back-" + file} {
			if _, stderr, err := s.run(copy); err != nil {
				t.Fatalf("aws %s: %v\n%s", copy, err, stderr)
			}
		}
	}
	back, err := os.ReadFile(filepath.Join(s.dir, "back-large.zip"))
	if err != nil || !bytes.Equal(back, large) {
		t.Errorf("%d bytes came back of %d: %v", len(back), len(large), err)
	}
	s.fails("s3api get-object --bucket builds --key none none.zip", "NoSuchKey")
	s.fails("s3api get-object --bucket none --key none none.zip", "NoSuchBucket")
}
