package main

import (
	"fmt"
	"strings"
)

// maxVariable is how long Linux lets NAME=VALUE be, without the NUL after it:
// MAX_ARG_STRLEN, 32 pages (execve(2)).
const maxVariable = 32*4096 - 1

// instead is the way out where a name can't be had.
const instead = "; rename the secret, or open the bundle with the reader"

// fits says whether the secret is in environ already, with this value, or else why
// it can't be put there. That a name has the form of a variable's is a rule of bundles.
func fits(environ []string, name, value string) (there bool, cause string) {
	switch reason := reservedFor(name); {
	case reason != "":
		return false, reason + instead
	case strings.ContainsRune(value, 0):
		return false, "its value has a NUL byte, where a variable would end; open the bundle with the reader"
	case len(name)+1+len(value) > maxVariable:
		return false, fmt.Sprintf("longer than the %d bytes that a variable may have with its name; open the bundle with the reader", maxVariable)
	}
	for _, variable := range environ {
		switch was, found := strings.CutPrefix(variable, name+"="); {
		case found && was != value:
			return false, "the function's environment has another value under that name; remove the variable there, or rename the secret"
		case found:
			there = true
		}
	}
	return there, ""
}

// reservedFor says why no secret may have that name, or nothing. A sealed value can't
// be reviewed, so it must not decide which code runs, nor whom that code trusts; and
// what Lambda sets is Lambda's. Case makes no difference, for a name that differs
// from these in case alone is a mistake or a trick.
func reservedFor(name string) string {
	name = strings.ToUpper(name)
	for _, group := range reserved() {
		for _, pattern := range group.names {
			prefix, isPrefix := strings.CutSuffix(pattern, "*")
			if name == pattern || isPrefix && strings.HasPrefix(name, prefix) {
				return group.reason
			}
		}
	}
	return ""
}

// reservation is names in upper case, with * at the end for all that begin so.
type reservation struct {
	reason string
	names  []string
}

// reserved are the names that Lambda reserves
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime)
// and those on which programs act before a function's code runs: ld.so(8), bash(1),
// openssl-env(7), node(1), python(1), java(1), ruby(1), perlrun(1) and
// https://learn.microsoft.com/en-us/dotnet/core/tools/dotnet-environment-variables.
func reserved() []reservation {
	return []reservation{
		{"Lambda and the AWS SDKs use names that begin so", []string{"AWS_*", "LAMBDA_*", "_X_AMZN_*"}},
		{"Lambda sets it", []string{"_HANDLER"}},
		{"sealift uses names that begin so", []string{"SEALIFT_*"}},
		{"it decides which programs run", []string{"PATH"}},
		{"programs look there for their settings", []string{"HOME", "XDG_CONFIG_HOME", "TMPDIR"}},
		{"the dynamic linker and the C library act on it", []string{
			"LD_*", "GLIBC_TUNABLES", "GCONV_PATH", "GETCONF_DIR", "LOCPATH", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_*",
		}},
		{"shells act on it", []string{"BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4"}},
		{"it decides what TLS trusts or loads", []string{
			"OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
			"NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED",
		}},
		{"Node.js acts on it", []string{"NODE_OPTIONS", "NODE_PATH", "NODE_V8_COVERAGE", "NODE_COMPILE_CACHE", "NODE_DEBUG*", "NODE_REDIRECT_WARNINGS"}},
		{"Python acts on names that begin so", []string{"PYTHON*"}},
		{"Java acts on it", []string{"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_HOME", "CLASSPATH"}},
		{".NET acts on names that begin so", []string{"DOTNET_*", "CORECLR_*", "COMPLUS_*", "ASPNETCORE_*"}},
		{"Ruby acts on it", []string{"RUBYOPT", "RUBYLIB", "RUBYPATH", "RUBYSHELL", "GEM_HOME", "GEM_PATH", "RUBYGEMS_GEMDEPS", "BUNDLE_GEMFILE", "BUNDLE_PATH", "BUNDLE_APP_CONFIG"}},
		{"Perl acts on it", []string{"PERL5*", "PERLLIB"}},
	}
}
