package iam_test

import (
	"testing"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/iam"
)

func TestDecryptByRole(t *testing.T) {
	const (
		role = "arn:aws:iam::111122223333:role/hello"
		root = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}`
	)
	own := func(rest string) string {
		return `{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:role/other","` + role + `"]},"Resource":"*"` + rest + `}`
	}
	when := func(operator, key, value string) string {
		return `,"Condition":{"` + operator + `":{"` + key + `":"` + value + `"}}`
	}
	tests := []struct {
		name, statements string
		want             iam.Verdict
	}{
		{"account by its root", `[` + root + `]`, iam.Delegated},
		{"account by its id", `[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["kms:Decrypt"],"Resource":"*"}]`, iam.Delegated},
		{"one statement, not in a list", root, iam.Delegated},
		{"account of somebody else", `[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"kms:*","Resource":"*"}]`, iam.Silent},
		{"account, for something else", `[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:DescribeKey","Resource":"*"}]`, iam.Silent},
		{"no statement", `[]`, iam.Silent},
		{"role", `[` + own(`,"Action":"kms:Decrypt"`) + `]`, iam.Direct},
		{"role, and the account", `[` + root + `,` + own(`,"Action":"kms:Decrypt"`) + `,` + root + `]`, iam.Direct},
		{"role, under its own context", `[` + own(`,"Action":"kms:Decrypt"`+when("StringEquals", "kms:EncryptionContext:sealift:fn", "hello")) + `]`, iam.Direct},
		{"role, under another context", `[` + own(`,"Action":"kms:Decrypt"`+when("StringEquals", "kms:EncryptionContext:sealift:fn", "bye")) + `]`, iam.Unclear},
		{"role, under a condition of another kind", `[` + own(`,"Action":"kms:Decrypt"`+when("StringLike", "kms:EncryptionContext:sealift:fn", "hello")) + `]`, iam.Unclear},
		{"role, through a service", `[` + own(`,"Action":"kms:Decrypt"`+when("StringEquals", "kms:ViaService", "lambda.us-east-2.amazonaws.com")) + `]`, iam.Unclear},
		{"role, for all but something", `[` + own(`,"NotAction":"kms:DescribeKey"`) + `]`, iam.Unclear},
		{"role, for a pattern of actions", `[` + own(`,"Action":"kms:D*"`) + `]`, iam.Direct},
		{"role, for other actions", `[` + own(`,"Action":["kms:Encrypt","kms:DescribeKey"]`) + `]`, iam.Silent},
		{"anybody, on conditions", `[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"` + when("StringEquals", "kms:CallerAccount", "111122223333") + `}]`, iam.Unclear},
		{"anybody of AWS", `[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]`, iam.Unclear},
		{"a service", `[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"kms:*","Resource":"*"}]`, iam.Silent},
		{"a Deny", `[` + root + `,{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}]`, iam.Unclear},
		{"no policy", `17`, iam.Unclear},
	}
	context := envelope.Consumer{Region: "us-east-2", Function: "hello"}.EncryptionContext()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := iam.DecryptByRole(`{"Version":"2012-10-17","Statement":`+test.statements+`}`, role, "111122223333", context); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
	if got := iam.DecryptByRole("not JSON", role, "111122223333", context); got != iam.Unclear {
		t.Errorf("%v", got)
	}
}
