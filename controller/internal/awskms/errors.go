package awskms

import (
	"context"
	"errors"
	"strings"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/iam"
)

// ErrNotFound says that there is no such key or alias.
var ErrNotFound = awserr.ErrNotFound

// call is one of an operation with a key, in a region; "" is the key's own, or that of the
// client.
func (c *Client) call(operation, region, keyID string) awserr.Call {
	if own := regionOf(keyID); own != "" {
		region = own
	} else if region == "" {
		region = c.region
	}
	return awserr.Call{
		Service: "kms", Operation: operation, Kind: "key", Resource: keyID, Region: region, Principal: c.principal,
		ARNIn: func(account string) string { return arnOf(region, account, keyID) },
	}
}

// arnOf completes an alias or a key's id to an ARN, as KMS does in the caller's account.
// What is neither stays as it is.
func arnOf(region, account, keyID string) string {
	switch {
	case strings.Contains(keyID, " "):
		return keyID
	case !strings.HasPrefix(keyID, "alias/"):
		keyID = "key/" + keyID
	}
	return "arn:" + iam.PartitionOf(region) + ":kms:" + region + ":" + account + ":" + keyID
}

// fault returns an error that is not one of KMS's own.
func (c *Client) fault(operation, keyID string, cause error, fix string) *awserr.Error {
	return c.call(operation, "", keyID).Fault("", cause, fix)
}

// noMetadata says that an answer lacks what every one of KMS has.
func (c *Client) noMetadata(operation, keyID string) *awserr.Error {
	return c.fault(operation, keyID, errors.New("the answer has no KeyMetadata"), "check what answers at the endpoint")
}

// nameOf returns a state or kind of a key as an answer names it.
func nameOf(word string) string { return awserr.Name(word, "not known") }

// classify turns an error of the SDK into one of ours.
func (c *Client) classify(ctx context.Context, call awserr.Call, err error) error {
	switch awserr.Code(err) {
	case "InvalidCiphertextException", "IncorrectKeyException":
		return envelope.ErrOpen
	}
	return call.Classify(ctx, err)
}
