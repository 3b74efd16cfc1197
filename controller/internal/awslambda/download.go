package awslambda

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"sealift.dev/sealift/controller/internal/plan"
)

// maxDirect is the largest package that can be uploaded again without S3, in bytes
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxDirect = 52_428_800

// Package downloads the package of conf to w, if it has at most max bytes, and verifies
// that it is the one of its CodeSHA256: what w was given is that package unless there is an
// error, which wraps plan.ErrReobserve if it is another or gone, because a deploy came in
// between. The presigned URL is in no error.
func (c *Client) Package(ctx context.Context, conf plan.Configuration, w io.Writer, max int64) error {
	sum := sha256.New()
	to := &taker{w: w}
	if err := c.download(ctx, conf.CodeLocation, io.MultiWriter(to, sum), max); err != nil {
		if to.err != nil {
			return fmt.Errorf("download the package of %s: %w", conf.Name, to.err)
		}
		return fmt.Errorf("download the package of %s: %w", conf.Name, undownloaded{err})
	}
	if base64.StdEncoding.EncodeToString(sum.Sum(nil)) != conf.CodeSHA256 {
		return fmt.Errorf("download the package of %s: it is not the one of its CodeSha256: %w", conf.Name, plan.ErrReobserve)
	}
	return nil
}

// taker tells errors of who takes a package apart from those of who sends it.
type taker struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (t *taker) Write(data []byte) (n int, err error) {
	n, t.err = t.w.Write(data)
	return n, t.err
}

// undownloaded is why there is no package. Downloads come from another host than answers.
type undownloaded struct{ error }

// Unwrap returns the cause.
func (u undownloaded) Unwrap() error { return u.error }

// Hint returns the next step.
func (u undownloaded) Hint() string {
	return "check that the network lets through what Lambda's Code.Location leads to (Amazon S3)"
}

// unstaged is why a package that was downloaded could not be uploaded again.
type unstaged struct{ error }

// Hint returns the next step.
func (u unstaged) Hint() string {
	return "name a bucket in spec.package.staging: by way of S3, Lambda takes what unpacks to 250 MB"
}

// download copies what is at location to w, at most max bytes of it.
func (c *Client) download(ctx context.Context, location string, w io.Writer, max int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil || location == "" {
		return errors.New("the function's Code.Location is not a URL")
	}
	resp, err := c.http.Do(req)
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("it is gone: %w", plan.ErrReobserve)
	default:
		return fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	tooLarge := fmt.Errorf("over the %d bytes that can be delivered again", max)
	if max == maxDirect {
		tooLarge = unstaged{fmt.Errorf("over the %d bytes (50 MB) that Lambda takes in a direct upload", max)}
	}
	if resp.ContentLength > max {
		return tooLarge
	}
	n, err := io.Copy(w, io.LimitReader(resp.Body, max+1))
	if err == nil && n > max {
		err = tooLarge
	}
	return err
}
