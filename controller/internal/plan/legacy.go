package plan

import (
	"regexp"
	"strconv"

	"sealift.dev/sealift/api/v1alpha1"
)

// lastNode is the last major version of Node.js that has crypto.createDecipher
// (https://nodejs.org/api/deprecations.html#DEP0106).
const lastNode = 21

var nodeRuntime = regexp.MustCompile(`^nodejs([0-9]{1,3})\.x$`)

// legacy warns of a bundle of the format openssl-aes-256-ctr; it is "" for another one.
func (p Plan) legacy() string {
	if p.Want.Config == nil || p.Want.Config.Spec.Bundle.Format != v1alpha1.FormatOpenSSL {
		return ""
	}
	const exit = "; let the code read the bundle with a reader of sealift, and set spec.bundle.format to jwe"
	warning := "openssl-aes-256-ctr has no integrity: who can change the package can change secrets unseen"
	runtime := p.Observed.Latest.Runtime
	match := nodeRuntime.FindStringSubmatch(runtime)
	if match == nil {
		return warning + exit
	}
	if major, err := strconv.Atoi(match[1]); err == nil && major > lastNode {
		return warning + ", and crypto.createDecipher is gone from Node.js 22 on: code that uses it fails on " + runtime + exit
	}
	return warning + ", and crypto.createDecipher is gone from Node.js 22 on" + exit
}
