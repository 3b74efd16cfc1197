// Package awss3 reads packages that builds made from Amazon S3, and puts packages there for
// Lambda to take.
//
// Buckets are in the function's region. No redirect is followed: an answer can't lead
// credentials or a package to another host. What is read is bounded, and what is sent goes
// with its SHA-256, which S3 compares.
package awss3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/iam"
	"sealift.dev/sealift/controller/internal/plan"
)

// Client works on the objects of one region. It is safe for concurrent use.
type Client struct {
	api       *s3.Client
	region    string
	principal awserr.Principal
}

// New returns a Client with the credentials, region and endpoint of cfg, who has them being
// principal, whom errors name; nil: nobody knows. Where an endpoint is set, it has buckets in
// its paths: that of an emulator has no names of its own for them.
func New(cfg aws.Config, principal awserr.Principal) *Client {
	api := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil
		o.HTTPClient = unredirected(o.HTTPClient)
	})
	return &Client{api: api, region: cfg.Region, principal: principal}
}

// unredirected returns client, following no redirect. One of another kind than the SDK makes
// stays as it is.
func unredirected(client aws.HTTPClient) aws.HTTPClient {
	never := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	switch known := client.(type) {
	case *http.Client:
		own := *known
		own.CheckRedirect = never
		return &own
	case interface{ GetTransport() *http.Transport }:
		return &http.Client{Transport: known.GetTransport(), CheckRedirect: never}
	}
	return client
}

// Download writes an object to w: no more than max bytes, and with an error for a larger
// one, of which some may have been written.
func (c *Client) Download(ctx context.Context, at plan.Object, w io.Writer, max int64) error {
	operation := "GetObject"
	input := &s3.GetObjectInput{Bucket: &at.Bucket, Key: &at.Key}
	if at.VersionID != "" {
		operation, input.VersionId = "GetObjectVersion", &at.VersionID
	}
	out, err := c.api.GetObject(ctx, input)
	if err != nil {
		return c.call(operation, at).Classify(ctx, err)
	}
	defer out.Body.Close()
	if size := aws.ToInt64(out.ContentLength); size > max {
		return c.tooLarge(operation, at, max)
	}
	switch n, err := io.Copy(w, io.LimitReader(sourced{out.Body}, max+1)); {
	case err == nil && n > max:
		return c.tooLarge(operation, at, max)
	case err == nil && n < aws.ToInt64(out.ContentLength):
		return c.call(operation, at).Classify(ctx, io.ErrUnexpectedEOF)
	case err == nil:
		return nil
	default:
		var broken unread
		if errors.As(err, &broken) {
			return c.call(operation, at).Classify(ctx, broken.error)
		}
		return err // of w
	}
}

func (c *Client) tooLarge(operation string, at plan.Object, max int64) error {
	return c.call(operation, at).Fault("PackageTooLarge", fmt.Errorf("the object is larger than the %d bytes that Lambda unpacks", max), "name a package in spec.package.s3")
}

// sourced tells errors of an answer's body from those of where it is written to.
type sourced struct{ io.Reader }

type unread struct{ error }

func (s sourced) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = unread{err}
	}
	return n, err
}

// Stage puts a package of that size and SHA-256 (in base64) there, and returns the object
// with the version that it has then, if the bucket has versions.
func (c *Client) Stage(ctx context.Context, at plan.Object, content io.ReadSeeker, size int64, sha256 string) (plan.Object, error) {
	out, err := c.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &at.Bucket, Key: &at.Key, Body: content, ContentLength: &size, ContentType: aws.String("application/zip"), ChecksumSHA256: &sha256,
	})
	if err != nil {
		return plan.Object{}, c.call("PutObject", at).Classify(ctx, err)
	}
	if aws.ToString(out.ETag) == "" { // something else than S3 has answered
		return plan.Object{}, c.call("PutObject", at).Classify(ctx, io.ErrUnexpectedEOF)
	}
	at.VersionID = aws.ToString(out.VersionId)
	return at, nil
}

// Remove deletes an object, or the version that at names. One that is gone is no error.
func (c *Client) Remove(ctx context.Context, at plan.Object) error {
	operation := "DeleteObject"
	input := &s3.DeleteObjectInput{Bucket: &at.Bucket, Key: &at.Key}
	if at.VersionID != "" {
		operation, input.VersionId = "DeleteObjectVersion", &at.VersionID
	}
	if _, err := c.api.DeleteObject(ctx, input); err != nil {
		return c.call(operation, at).Classify(ctx, err)
	}
	return nil
}

// call is one on an object, by the name of IAM's action.
func (c *Client) call(action string, at plan.Object) awserr.Call {
	return awserr.Call{
		Service: "s3", Operation: action, Kind: "object", Region: c.region, Principal: c.principal,
		Resource: "arn:" + iam.PartitionOf(c.region) + ":s3:::" + at.Bucket + "/" + at.Key,
	}
}
