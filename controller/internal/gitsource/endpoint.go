package gitsource

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
)

// maxURL is the longest address of a repository, in bytes.
const maxURL = 4096

const (
	formOfURL = "not a folder and not a file://, https:// or ssh:// URL"
	noSecrets = "credentials in a URL end up in process lists and logs: give a token by --git-token-file or SEALIFT_GIT_TOKEN, an ssh key by --git-ssh-key"
)

// endpoint is where a repository is. It never holds credentials, so that errors may show it.
type endpoint struct {
	scheme string // "" for a folder of this machine, "https", "ssh"
	folder string
	user   string // of ssh alone
	host   string // with the port, if the address has one
	path   string // as it is written in the address
}

// String returns the address, which holds nothing secret.
func (e endpoint) String() string {
	switch {
	case e.scheme == "":
		return e.folder
	case e.user != "":
		return e.scheme + "://" + e.user + "@" + e.host + "/" + strings.TrimPrefix(e.path, "/")
	}
	return e.scheme + "://" + e.host + e.path
}

// parseEndpoint reads the address of a repository: a folder, a URL, or the form [user@]host:path that ssh has.
func parseEndpoint(address string) (endpoint, error) {
	switch {
	case address == "":
		return endpoint{}, fail("", "the address of a repository is needed")
	case len(address) > maxURL:
		return endpoint{}, fail("", "an address is at most %d bytes", maxURL)
	case strings.ContainsFunc(address, unicode.IsControl):
		return endpoint{}, fail("", "an address holds no control characters")
	case strings.Contains(address, "://"):
		return parseURL(address)
	case commandForm(address):
		return endpoint{}, fail("", formOfURL)
	}
	if host, path, ok := strings.Cut(address, ":"); ok && !strings.ContainsAny(host, `/\`) && !drive(host) {
		return secureShell(host, path)
	}
	return localFolder(address)
}

// commandForm reports whether git would start a program for an address (gitremote-helpers(7)): scheme::rest.
func commandForm(address string) bool {
	scheme, _, ok := strings.Cut(address, "::")
	return ok && !strings.ContainsAny(scheme, `/\[`)
}

func drive(host string) bool { return runtime.GOOS == "windows" && len(host) == 1 }

func localFolder(path string) (endpoint, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return endpoint{}, err
	}
	if info, err := os.Stat(absolute); err != nil || !info.IsDir() {
		return endpoint{}, fail("", "%s: no such folder", scrub(path))
	}
	return endpoint{folder: absolute}, nil
}

func parseURL(address string) (endpoint, error) {
	u, err := url.Parse(address)
	if err != nil { // its text repeats the address
		return endpoint{}, fail("", "the URL cannot be read; write special characters as %%XX")
	}
	_, password := u.User.Password()
	switch {
	case password, u.User != nil && u.Scheme != "ssh":
		return endpoint{}, fail(noSecrets, "the URL holds credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return endpoint{}, fail("", "the URL of a repository has no ? and no #")
	case u.Scheme == "http":
		return endpoint{}, fail("use https://", "http:// is neither encrypted nor authenticated")
	case u.Scheme == "git":
		return endpoint{}, fail("use https:// or ssh://", "git:// is neither encrypted nor authenticated")
	case u.Scheme == "file":
		return fileURL(u)
	case u.Scheme != "https" && u.Scheme != "ssh":
		return endpoint{}, fail("", formOfURL)
	case u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-"):
		return endpoint{}, fail("", "the URL names no host")
	case strings.Trim(u.Path, "/") == "":
		return endpoint{}, fail("", "the URL names no repository on %s", u.Host)
	case u.Scheme == "https":
		return endpoint{scheme: "https", host: u.Host, path: strings.TrimRight(u.EscapedPath(), "/")}, nil
	}
	path := u.Path
	if strings.HasPrefix(path, "/~") { // as git: a path of a home folder
		path = path[1:]
	}
	return newSecureShell(u.User.Username(), u.Host, path)
}

func fileURL(u *url.URL) (endpoint, error) {
	if u.Host != "" && u.Host != "localhost" {
		return endpoint{}, fail("", "a file:// URL names no host: file:///path")
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	return localFolder(filepath.FromSlash(path))
}

// secureShell reads the form [user@]host:path.
func secureShell(host, path string) (endpoint, error) {
	user, name, ok := strings.Cut(host, "@")
	if !ok {
		user, name = "", host
	}
	if name == "" || strings.HasPrefix(name, "-") {
		return endpoint{}, fail("", "the address names no host")
	}
	return newSecureShell(user, name, path)
}

// newSecureShell makes an endpoint of ssh; the user is git, as nearly every server of git has it, where none is given.
func newSecureShell(user, host, path string) (endpoint, error) {
	if user == "" {
		user = "git"
	}
	if strings.HasPrefix(path, "-") || strings.Trim(path, "/") == "" || strings.ContainsFunc(path, unicode.IsControl) {
		return endpoint{}, fail("", "the address names no repository on %s", scrub(host))
	}
	return endpoint{scheme: "ssh", user: user, host: host, path: path}, nil
}

// dial returns host and port as net.Dial takes them.
func (e endpoint) dial(port string) string {
	u := url.URL{Host: e.host}
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(u.Hostname(), port)
}
