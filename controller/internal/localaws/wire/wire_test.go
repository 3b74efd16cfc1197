package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

func TestARN(t *testing.T) {
	for _, test := range []struct{ region, want string }{
		{"us-east-2", "arn:aws:kms:us-east-2:000000000000:key/x"},
		{"cn-north-1", "arn:aws-cn:kms:cn-north-1:000000000000:key/x"},
		{"us-gov-west-1", "arn:aws-us-gov:kms:us-gov-west-1:000000000000:key/x"},
		{"us-iso-east-1", "arn:aws-iso:kms:us-iso-east-1:000000000000:key/x"},
		{"us-isob-east-1", "arn:aws-iso-b:kms:us-isob-east-1:000000000000:key/x"},
	} {
		caller := wire.Caller{Region: test.region, Account: "000000000000"}
		if got := caller.ARN("kms", "key/x"); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestNewID(t *testing.T) {
	id, err := wire.NewID(bytes.NewReader(bytes.Repeat([]byte{0xff}, 16)))
	if want := "ffffffff-ffff-4fff-bfff-ffffffffffff"; err != nil || id != want {
		t.Errorf("got %s, %v, want %s", id, err, want)
	}
	if _, err := wire.NewID(bytes.NewReader(nil)); err == nil || err.Error() != "draw an identifier: EOF" {
		t.Errorf("got %v", err)
	}
}

func TestAsError(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"AWS's", fmt.Errorf("wrapped: %w", wire.Errorf(404, "NotFoundException", "no %s", "key")), "NotFoundException: no key"},
		{"without a message", wire.Errorf(400, "InvalidCiphertextException", ""), "InvalidCiphertextException"},
		{"another", errors.New("disk full"), "InternalFailure: local AWS: disk full"},
	} {
		if got := wire.AsError(test.err).Error(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
