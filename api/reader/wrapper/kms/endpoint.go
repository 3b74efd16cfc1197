package kms

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// regionName is the form of a region's name, which becomes part of a host's.
var regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{1,16}){1,3}-[0-9]{1,2}$`)

// endpointOf returns the URL of KMS: what AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL
// says (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html),
// or else that of the region
// (https://docs.aws.amazon.com/general/latest/gr/kms.html).
func endpointOf(region string, getenv func(string) string) (string, error) {
	if !strings.EqualFold(getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		for _, name := range []string{"AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL"} {
			if set := getenv(name); set != "" {
				return configured(name, set)
			}
		}
	}
	suffix, err := dnsSuffix(region)
	if err != nil {
		return "", err
	}
	return "https://kms." + region + suffix + "/", nil
}

// dnsSuffix knows the partitions aws, aws-us-gov and aws-cn.
func dnsSuffix(region string) (string, error) {
	switch first, rest, _ := strings.Cut(region, "-"); {
	case first == "cn":
		return ".amazonaws.com.cn", nil
	case first == "eusc", strings.HasPrefix(rest, "iso"):
		return "", errors.New("the region in AWS_REGION is of a partition whose endpoints are not known here; set AWS_ENDPOINT_URL_KMS")
	}
	return ".amazonaws.com", nil
}

// configured checks the URL in the variable name.
func configured(name, text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errors.New(name + " is not a URL of the form https://HOST[:PORT]")
	}
	// The port of the scheme is not sent in the Host header, which is signed.
	if u.Port() == map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	u.Host = strings.TrimSuffix(u.Host, ":")
	return u.Scheme + "://" + u.Host + "/", nil
}
