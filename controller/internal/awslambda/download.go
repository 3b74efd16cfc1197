package awslambda

import (
	"bytes"
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

// maxPackage is the largest package that can be uploaded again without S3, in bytes
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxPackage = 52_428_800

// Package downloads the package of conf and verifies that it is the one of its
// CodeSHA256; the error wraps plan.ErrReobserve if it is another or gone, because a
// deploy came in between. The presigned URL is in none of its errors.
func (c *Client) Package(ctx context.Context, conf plan.Configuration) ([]byte, error) {
	data, err := c.download(ctx, conf.CodeLocation)
	if err != nil {
		return nil, fmt.Errorf("download the package of %s: %w", conf.Name, undownloaded{err})
	}
	if sum := sha256.Sum256(data); base64.StdEncoding.EncodeToString(sum[:]) != conf.CodeSHA256 {
		return nil, fmt.Errorf("download the package of %s: it is not the one of its CodeSha256: %w", conf.Name, plan.ErrReobserve)
	}
	return data, nil
}

// undownloaded is why there is no package. Downloads come from another host than answers.
type undownloaded struct{ error }

// Unwrap returns the cause.
func (u undownloaded) Unwrap() error { return u.error }

// Hint returns the next step.
func (u undownloaded) Hint() string {
	return "check that the network lets through what Lambda's Code.Location leads to (Amazon S3)"
}

func (c *Client) download(ctx context.Context, location string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil || location == "" {
		return nil, errors.New("the function's Code.Location is not a URL")
	}
	resp, err := c.http.Do(req)
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("it is gone: %w", plan.ErrReobserve)
	default:
		return nil, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	// The buffer has its size from the start, so that there is one copy of the package.
	var data bytes.Buffer
	data.Grow(int(min(max(resp.ContentLength, 0), maxPackage)) + bytes.MinRead)
	if _, err := data.ReadFrom(io.LimitReader(resp.Body, maxPackage+1)); err != nil {
		return nil, err
	}
	if data.Len() > maxPackage {
		return nil, fmt.Errorf("over the %d bytes (50 MB) that Lambda takes in a direct upload", maxPackage)
	}
	return data.Bytes(), nil
}
