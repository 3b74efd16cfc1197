package localaws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func s3Contract() []contractCase {
	return []contractCase{
		{"s3 objects", contractObjects},
		{"s3 versions", contractObjectVersions},
		{"s3 conditions", contractConditions},
		{"s3 checksums", contractChecksums},
		{"s3 parts", contractParts},
		{"s3 buckets", contractBuckets},
		{"lambda code in s3", contractCodeInS3},
	}
}

// newBucket makes a bucket, which the case leaves empty and not there.
func (c *contract) newBucket(versioned bool) string {
	c.Helper()
	name := c.unique
	must(c.s3.CreateBucket(c.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)},
	}))(c)
	if versioned {
		must(c.s3.PutBucketVersioning(c.Context(), &s3.PutBucketVersioningInput{
			Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		}))(c)
	}
	c.Cleanup(func() { // refused where there are versions left, and not here at all
		_, _ = c.s3.DeleteBucket(context.Background(), &s3.DeleteBucketInput{Bucket: &name})
	})
	return name
}

// putObject puts an object, which the case deletes at its end.
func (c *contract) putObject(bucket, key, content string) *s3.PutObjectOutput {
	c.Helper()
	out := must(c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)}))(c)
	c.Cleanup(func() {
		_, _ = c.s3.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: out.VersionId})
	})
	return out
}

// read returns an object, or "" with the error of S3.
func (c *contract) read(in *s3.GetObjectInput) (string, *s3.GetObjectOutput, error) {
	c.Helper()
	out, err := c.s3.GetObject(c.Context(), in)
	if err != nil {
		return "", nil, err
	}
	content, err := io.ReadAll(out.Body)
	_ = out.Body.Close()
	return string(content), out, err
}

func status(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

func contractObjects(c *contract) {
	bucket := c.newBucket(false)
	key := "builds/Ünïcode name+1.zip"
	put, err := c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("content"), ContentType: aws.String("application/zip"), Metadata: map[string]string{"commit": "3f2a9c1"}})
	c.answers("PutObject", err, "")
	if err != nil {
		return
	}
	c.is("ETag is MD5", aws.ToString(put.ETag), `"9a0364b9e99bb480dd25e1f0284c8555"`)
	c.is("no version", said(put.VersionId == nil), "true")
	got, out, err := c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.answers("GetObject", err, "")
	c.is("content", got, "content")
	if err == nil {
		c.is("what it is", said(aws.ToString(out.ContentType), aws.ToInt64(out.ContentLength), out.Metadata["commit"], aws.ToString(out.ETag) == aws.ToString(put.ETag), out.LastModified != nil), "application/zip 7 3f2a9c1 true true")
	}
	head, err := c.s3.HeadObject(c.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	c.answers("HeadObject", err, "")
	if err == nil {
		c.is("head", said(aws.ToInt64(head.ContentLength), aws.ToString(head.ETag) == aws.ToString(put.ETag)), "7 true")
	}
	for _, part := range []struct{ name, asked, want string }{
		{"first bytes", "bytes=0-2", "con bytes 0-2/7"}, {"from the third", "bytes=3-", "tent bytes 3-6/7"},
		{"last bytes", "bytes=-3", "ent bytes 4-6/7"}, {"beyond the end", "bytes=5-100", "nt bytes 5-6/7"},
	} {
		got, out, err := c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, Range: aws.String(part.asked)})
		if err == nil {
			got += " " + aws.ToString(out.ContentRange)
		}
		c.is(part.name, got, part.want)
	}
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, Range: aws.String("bytes=7-")})
	c.answers("range behind the end", err, "InvalidRange")
	c.putObject(bucket, key, "other")
	got, _, _ = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.is("written over", got, "other")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: aws.String("none")})
	c.answers("no such key", err, "NoSuchKey")
	_, err = c.s3.HeadObject(c.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("none")})
	c.is("head of no such key", said(status(err)), "404")
	_, err = c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	c.answers("DeleteObject", err, "")
	_, err = c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	c.answers("DeleteObject again", err, "")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.answers("deleted", err, "NoSuchKey")
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(strings.Repeat("k", 1025)), Body: strings.NewReader("x")})
	c.answers("key too long", err, "KeyTooLongError")
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket + "-none"), Key: &key, Body: strings.NewReader("x")})
	c.answers("PutObject, no such bucket", err, "NoSuchBucket")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: aws.String(bucket + "-none"), Key: &key})
	c.answers("GetObject, no such bucket", err, "NoSuchBucket")
	_, err = c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket + "-none"), Key: &key})
	c.answers("DeleteObject, no such bucket", err, "NoSuchBucket")
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x"), ExpectedBucketOwner: aws.String("999999999999")})
	c.answers("another owner", err, "AccessDenied")
}

func contractObjectVersions(c *contract) {
	bucket, key := c.newBucket(true), "hello.zip"
	state := must(c.s3.GetBucketVersioning(c.Context(), &s3.GetBucketVersioningInput{Bucket: &bucket}))(c)
	c.is("GetBucketVersioning", string(state.Status), "Enabled")
	first, second := c.putObject(bucket, key, "first"), c.putObject(bucket, key, "second")
	c.is("two versions", said(aws.ToString(first.VersionId) != "", aws.ToString(first.VersionId) != aws.ToString(second.VersionId)), "true true")
	got, out, err := c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.answers("newest", err, "")
	if err == nil {
		c.is("newest content", said(got, aws.ToString(out.VersionId) == aws.ToString(second.VersionId)), "second true")
	}
	got, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: first.VersionId})
	c.answers("by version", err, "")
	c.is("first content", got, "first")
	unknown := strings.Repeat("A", len(aws.ToString(first.VersionId)))
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: &unknown})
	c.answers("no such version", err, "NoSuchVersion")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: aws.String("short")})
	c.answers("version out of form", err, "InvalidArgument")
	marked := must(c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}))(c)
	c.Cleanup(func() {
		_, _ = c.s3.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: marked.VersionId})
	})
	c.is("delete marker", said(aws.ToBool(marked.DeleteMarker), aws.ToString(marked.VersionId) != ""), "true true")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.answers("behind a delete marker", err, "NoSuchKey")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: marked.VersionId})
	c.answers("a delete marker", err, "MethodNotAllowed")
	got, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: second.VersionId})
	c.answers("a version behind a delete marker", err, "")
	c.is("second content", got, "second")
	_, err = c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: marked.VersionId})
	c.answers("delete the marker", err, "")
	got, _, _ = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.is("without the marker", got, "second")
	_, err = c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, VersionId: second.VersionId})
	c.answers("delete a version", err, "")
	got, _, _ = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.is("the version before", got, "first")
}

func contractConditions(c *contract) {
	bucket, key := c.newBucket(false), "hello.zip"
	once := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("one"), IfNoneMatch: aws.String("*")}
	_, err := c.s3.PutObject(c.Context(), once)
	c.answers("PutObject once", err, "")
	once.Body = strings.NewReader("two")
	_, err = c.s3.PutObject(c.Context(), once)
	c.answers("PutObject once, again", err, "PreconditionFailed")
	out := c.putObject(bucket, key, "two")
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("three"), IfMatch: aws.String(`"9a0364b9e99bb480dd25e1f0284c8555"`)})
	c.answers("PutObject over another", err, "PreconditionFailed")
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("three"), IfMatch: out.ETag})
	c.answers("PutObject over that", err, "")
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("none"), Body: strings.NewReader("three"), IfMatch: out.ETag})
	c.answers("PutObject over none", err, "NoSuchKey")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, IfMatch: out.ETag})
	c.answers("GetObject of another", err, "PreconditionFailed")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key, IfNoneMatch: out.ETag})
	c.answers("GetObject of any but", err, "")
}

func contractChecksums(c *contract) {
	bucket, key := c.newBucket(false), "hello.zip"
	sum := sha256.Sum256([]byte("content"))
	digest := base64.StdEncoding.EncodeToString(sum[:])
	out, err := c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("content"), ChecksumSHA256: &digest})
	c.answers("SHA-256", err, "")
	if err == nil {
		c.is("SHA-256 of the answer", aws.ToString(out.ChecksumSHA256), digest)
	}
	head := must(c.s3.HeadObject(c.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled}))(c)
	c.is("SHA-256 of the object", aws.ToString(head.ChecksumSHA256), digest)
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("CONTENT"), ChecksumSHA256: &digest})
	c.answers("wrong SHA-256", err, "BadDigest")
	_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("content"), ContentMD5: aws.String("1B2M2Y8AsgTpgAmY7PhCfg==")})
	c.answers("wrong MD5", err, "BadDigest")
	got, _, _ := c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.is("what was refused changed nothing", got, "content")
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		_, err = c.s3.PutObject(c.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("content"), ChecksumAlgorithm: algorithm})
		c.answers(string(algorithm), err, "")
	}
	// A body that can't seek is sent in chunks with the checksum behind it, over TLS alone: here it is asked for as it is.
	c.is("chunks with a trailer", said(c.chunked(bucket, key, "7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:/sUwqQ==\r\n\r\n")), "200")
	c.is("chunks with a wrong trailer", said(c.chunked(bucket, key, "7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n")), "400")
	_, err = c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	c.answers("DeleteObject", err, "")
}

// chunked puts an object in the framing aws-chunked, and returns the status of the answer; on AWS itself, whose signatures
// count, it does not ask.
func (c *contract) chunked(bucket, key, body string) int {
	c.Helper()
	base := c.s3.Options().BaseEndpoint
	if base == nil {
		c.Skip("a request of another form is not signed for AWS")
	}
	request := must(http.NewRequestWithContext(c.Context(), http.MethodPut, *base+"/"+bucket+"/"+key, strings.NewReader(body)))(c)
	for name, value := range map[string]string{
		"Authorization": signed("s3"), "Content-Encoding": "aws-chunked", "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		"X-Amz-Decoded-Content-Length": "7", "X-Amz-Trailer": "x-amz-checksum-crc32", "X-Amz-Sdk-Checksum-Algorithm": "CRC32",
	} {
		request.Header.Set(name, value)
	}
	response := must(http.DefaultClient.Do(request))(c)
	_ = response.Body.Close()
	return response.StatusCode
}

func contractParts(c *contract) {
	bucket, key := c.newBucket(false), "hello.zip"
	large := bytes.Repeat([]byte("x"), 5<<20)
	begun := must(c.s3.CreateMultipartUpload(c.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key}))(c)
	part := func(number int32, data []byte) types.CompletedPart {
		out := must(c.s3.UploadPart(c.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: begun.UploadId, PartNumber: &number, Body: bytes.NewReader(data)}))(c)
		return types.CompletedPart{ETag: out.ETag, PartNumber: &number}
	}
	one, two := part(1, large), part(2, []byte("end"))
	complete := func(parts ...types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
		return c.s3.CompleteMultipartUpload(c.Context(), &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	}
	_, err := complete(one, one)
	c.answers("wrong order", err, "InvalidPartOrder")
	_, err = complete(one, types.CompletedPart{ETag: one.ETag, PartNumber: aws.Int32(2)})
	c.answers("wrong part", err, "InvalidPart")
	out, err := complete(one, two)
	c.answers("CompleteMultipartUpload", err, "")
	if err == nil {
		c.is("ETag of parts", said(strings.HasSuffix(aws.ToString(out.ETag), `-2"`)), "true")
	}
	got, _, err := c.read(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	c.answers("GetObject", err, "")
	c.is("joined", said(len(got), strings.HasSuffix(got, "xend")), said(5<<20+3, true))
	begun = must(c.s3.CreateMultipartUpload(c.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key}))(c)
	small, last := part(1, []byte("small")), part(2, []byte("end"))
	_, err = complete(small, last)
	c.answers("small parts", err, "EntityTooSmall")
	_, err = c.s3.AbortMultipartUpload(c.Context(), &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: begun.UploadId})
	c.answers("AbortMultipartUpload", err, "")
	_, err = complete(small)
	c.answers("after the end", err, "NoSuchUpload")
	_, err = c.s3.DeleteObject(c.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	c.answers("DeleteObject", err, "")
}

func contractBuckets(c *contract) {
	bucket := c.newBucket(false)
	here := &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	_, err := c.s3.CreateBucket(c.Context(), &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: here})
	c.answers("CreateBucket again", err, "BucketAlreadyOwnedByYou")
	_, err = c.s3.CreateBucket(c.Context(), &s3.CreateBucketInput{Bucket: aws.String("No_Bucket"), CreateBucketConfiguration: here})
	c.answers("name out of form", err, "InvalidBucketName")
	_, err = c.s3.CreateBucket(c.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket + "-2")})
	c.answers("no region", err, "IllegalLocationConstraintException")
	state := must(c.s3.GetBucketVersioning(c.Context(), &s3.GetBucketVersioningInput{Bucket: &bucket}))(c)
	c.is("no versions at first", string(state.Status), "")
	_, err = c.s3.HeadBucket(c.Context(), &s3.HeadBucketInput{Bucket: &bucket})
	c.answers("HeadBucket", err, "")
	_, err = c.s3.HeadBucket(c.Context(), &s3.HeadBucketInput{Bucket: aws.String(bucket + "-none")})
	c.is("HeadBucket of none", said(status(err)), "404")
	_, err = c.s3.PutBucketVersioning(c.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String(bucket + "-none"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	c.answers("PutBucketVersioning of none", err, "NoSuchBucket")
	_, _, err = c.read(&s3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
	c.answers("empty", err, "NoSuchKey")
}

func contractCodeInS3(c *contract) {
	bucket, key := c.newBucket(true), "hello.zip"
	first, second := c.putObject(bucket, key, string(c.code("one"))), c.putObject(bucket, key, string(c.code("two")))
	c.create()
	name := c.unique
	update := func(in lambda.UpdateFunctionCodeInput) (*lambda.UpdateFunctionCodeOutput, error) {
		c.settle()
		in.FunctionName = &name
		return c.lambda.UpdateFunctionCode(c.Context(), &in)
	}
	out, err := update(lambda.UpdateFunctionCodeInput{S3Bucket: &bucket, S3Key: &key})
	c.answers("newest version", err, "")
	if err == nil {
		c.is("CodeSha256 of the newest", said(aws.ToString(out.CodeSha256) == codeSHA256(c.code("two"))), "true")
	}
	out, err = update(lambda.UpdateFunctionCodeInput{S3Bucket: &bucket, S3Key: &key, S3ObjectVersion: first.VersionId})
	c.answers("by version", err, "")
	if err == nil {
		c.is("CodeSha256 of the first", said(aws.ToString(out.CodeSha256) == codeSHA256(c.code("one"))), "true")
	}
	_, err = update(lambda.UpdateFunctionCodeInput{S3Bucket: &bucket, S3Key: aws.String("none")})
	c.answers("no such key", err, "InvalidParameterValueException")
	_, err = update(lambda.UpdateFunctionCodeInput{S3Bucket: aws.String(bucket + "-none"), S3Key: &key})
	c.answers("no such bucket", err, "InvalidParameterValueException")
	unknown := strings.Repeat("A", len(aws.ToString(second.VersionId)))
	_, err = update(lambda.UpdateFunctionCodeInput{S3Bucket: &bucket, S3Key: &key, S3ObjectVersion: &unknown})
	c.answers("no such version", err, "InvalidParameterValueException")
	_, err = update(lambda.UpdateFunctionCodeInput{S3Bucket: &bucket})
	c.answers("no key", err, "InvalidParameterValueException")
	_, err = update(lambda.UpdateFunctionCodeInput{S3Bucket: &bucket, S3Key: &key, ZipFile: c.code("three")})
	c.answers("both", err, "InvalidParameterValueException")
	c.settle()
	now := must(c.lambda.GetFunction(c.Context(), &lambda.GetFunctionInput{FunctionName: &name}))(c)
	c.is("what was refused changed nothing", said(aws.ToString(now.Configuration.CodeSha256) == codeSHA256(c.code("one"))), "true")
}
