package reader_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// vectorCase is a vector in the making: what differs from a bundle that opens.
type vectorCase struct {
	name    string
	fault   string // what is wrong, as vectors/README.md lists it; "" where the bundle opens
	comment string
	result  string
	change  func(c *craft)          // the fault
	kms     func(kms *vectorKMS)    // what KMS knows, if other than what the bundle says
	env     func(map[string]string) // the function's environment, if other than the bundle's consumer
	refusal string                  // KMS answers every call with this error
	calls   int                     // calls of KMS expected, if other than 1 (0 with E_FORMAT and E_CONTEXT)
	more    *repeated
}

func (vc vectorCase) vector(t *testing.T) vector {
	t.Helper()
	c := newCraft()
	if vc.change != nil {
		vc.change(c)
	}
	known := c.kms()
	v := vector{
		Fault: vc.fault, Comment: vc.comment, Bundle: c.make(t), Append: vc.more, Result: vc.result, KMS: &known, KMSError: vc.refusal,
		Environment: map[string]string{
			"AWS_REGION":               known.EncryptionContext["sealift:region"],
			"AWS_LAMBDA_FUNCTION_NAME": known.EncryptionContext["sealift:fn"],
		},
		KMSCalls: 1,
	}
	if vc.env != nil {
		vc.env(v.Environment)
	}
	if vc.kms != nil {
		vc.kms(v.KMS)
	}
	if vc.refusal != "" {
		v.KMS = nil
	}
	switch {
	case vc.result == "E_FORMAT" || vc.result == "E_CONTEXT":
		v.KMSCalls = 0
	case vc.calls != 0:
		v.KMSCalls = vc.calls
	}
	if vc.result == "ok" {
		if err := json.Unmarshal([]byte(c.payload), &v.Secrets); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func vectorCases() []vectorCase {
	return slices.Concat(
		validCases(), validNameCases(), validValueCases(),
		textCases(), foreignTextCases(), characterCases(), sizeCases(), moreSizeCases(),
		headerCases(), headerJSONCases(), headerMemberCases(),
		memberCases(), memberValueCases(), memberNameCases(), memberBytesCases(),
		consumerCases(), otherConsumerCases(), kmsCases(), kmsErrorCases(), kmsKnowledgeCases(),
		keyCases(), keySizeCases(), derivationCases(), tamperCases(),
		payloadCases(), payloadJSONCases(), payloadTextCases(),
	)
}

// payload returns a change that gives the bundle another payload.
func payload(json string) func(*craft) { return func(c *craft) { c.payload = json } }

// header returns a change that replaces old in the header's JSON, before the
// bundle is encrypted: nothing else is wrong with it.
func header(old, replacement string) func(*craft) {
	return func(c *craft) {
		c.header = func(json string) string { return strings.Replace(json, old, replacement, 1) }
	}
}

// part returns a change of one encoded part of the bundle.
func part(i int, change func(string) string) func(*craft) {
	return func(c *craft) {
		c.parts = func(parts [5]string) []string {
			parts[i] = change(parts[i])
			return parts[:]
		}
	}
}

func text(change func(string) string) func(*craft) { return func(c *craft) { c.text = change } }

// flip returns s, base64url, with one bit of byte i of what it encodes flipped.
func flip(i int) func(string) string {
	return func(s string) string {
		data, err := b64.DecodeString(s)
		if err != nil {
			return s
		}
		data[i] ^= 1
		return b64.EncodeToString(data)
	}
}

// loose returns s with the unused bits of its last character set, which lenient
// decoders ignore.
func loose(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last|1])
}

// reheader returns a change of an encoded header, made after encryption.
func reheader(old, replacement string) func(string) string {
	return func(s string) string {
		json, err := b64.DecodeString(s)
		if err != nil {
			return s
		}
		return b64.EncodeToString(bytes.Replace(json, []byte(old), []byte(replacement), 1))
	}
}

// under returns cases that share a fault and a result.
func under(fault, result string, cases ...vectorCase) []vectorCase {
	for i := range cases {
		cases[i].fault, cases[i].result = fault, result
	}
	return cases
}

// replaced is a case whose header has replacement for old.
func replaced(name, comment, old, replacement string) vectorCase {
	return vectorCase{name: name, comment: comment, change: header(old, replacement)}
}

// changed is a case with any change.
func changed(name, comment string, change func(*craft)) vectorCase {
	return vectorCase{name: name, comment: comment, change: change}
}
