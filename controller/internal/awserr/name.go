package awserr

import "regexp"

// nameForm is what AWS's names of errors, states and kinds look like, and arnForm its ARNs.
var (
	nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._]{1,63}$`)
	arnForm  = regexp.MustCompile(`^arn:[a-z-]{3,20}:[a-z]{3,20}:[a-z0-9-]{0,30}:[0-9]{12}:[A-Za-z0-9:/_+=,.@$-]{1,600}$`)
)

// Name returns a name of an answer, or otherwise. A name is a part of the answer like any
// other: whoever answers may have put anything there, so that only what has the form of a
// name is shown.
func Name(word, otherwise string) string {
	if nameForm.MatchString(word) {
		return word
	}
	return otherwise
}

// ARN returns an ARN of an answer, or otherwise, as Name does.
func ARN(word, otherwise string) string {
	if arnForm.MatchString(word) {
		return word
	}
	return otherwise
}
