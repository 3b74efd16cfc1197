package awserr_test

import (
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/awserr"
)

// Of an answer only names and ARNs are shown, and a code only if it is a name.
func TestNames(t *testing.T) {
	for word, plain := range map[string]bool{
		"": false, "A": false, "AccessDenied": true, "RSA_3072": true, "com.amazonaws.kms": true, "A\x1b[2J": false, "A B": false, "A\n": false,
		canary: false, strings.Repeat("A", 64): true, strings.Repeat("A", 65): false, "3D": false,
	} {
		want, code := "not known", "UnknownError"
		if plain {
			want, code = word, word
		}
		if got := awserr.Name(word, "not known"); got != want {
			t.Errorf("%q is shown as %q", word, got)
		}
		if got := awserr.Code(answered(400, word)); got != code {
			t.Errorf("the code %q is shown as %q", word, got)
		}
	}
	for word, plain := range map[string]bool{
		"arn:aws:lambda:us-east-2:000000000000:function:hello:$LATEST": true, "arn:aws:iam::000000000000:user/a/me@example.com": true, "arn:aws-cn:sts::000000000000:assumed-role/a/b": true,
		"arn": false, "": false, "arn:aws:iam::000000000000:user/\x1b[2J": false, "arn:aws:iam::000000000000:user/a b": false, canary: false, "arn:aws:iam:::user/x": false,
		"arn:aws:iam::000000000000:" + strings.Repeat("a", 601): false,
	} {
		want := "it"
		if plain {
			want = word
		}
		if got := awserr.ARN(word, "it"); got != want {
			t.Errorf("%q is shown as %q", word, got)
		}
	}
}
