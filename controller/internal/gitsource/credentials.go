package gitsource

import (
	"errors"
	"io"
	"os"
	"strings"
	"unicode"
)

const (
	// maxToken is the longest token or user name, in bytes.
	maxToken = 8 << 10

	// maxKeyFile is the largest ssh key file, in bytes.
	maxKeyFile = 64 << 10
)

// Credentials are what a [Remote] shows to its server. Secrets are functions, so that none is printed with the struct.
// The zero value is nobody over https, and the files of the user over ssh.
type Credentials struct {
	// Username goes with Token; "" means git, which the large servers take with any token.
	Username string

	// Token returns a token for https; it is asked at each poll, so that a token may be replaced while a Remote is open.
	// nil means none. It is sent as the password of basic authentication, to the host of the URL alone.
	Token func() (string, error)

	// SSHKey names a file with a private key for ssh; "" means the keys of SSHAgent.
	SSHKey string

	// SSHPassphrase opens SSHKey where it is encrypted; nil means none.
	SSHPassphrase func() (string, error)

	// SSHAgent is the socket of an ssh agent; "" means none.
	SSHAgent string

	// KnownHosts names the files with the host keys of ssh servers, all of which have to exist; none means
	// ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts, as far as they exist.
	KnownHosts []string
}

// TokenFile returns a source of tokens that reads a file each time, without the newline at its end.
func TokenFile(file string) func() (string, error) {
	return func() (string, error) {
		data, err := readSmall(file, maxToken+2)
		if err != nil {
			return "", fail("", "read the token file %s: %s", file, err)
		}
		text := strings.TrimSuffix(string(data), "\n")
		return strings.TrimSuffix(text, "\r"), nil
	}
}

// basic returns user name and token for one request, "" for nobody.
func (c Credentials) basic() (user, token string, err error) {
	if c.Token == nil {
		return "", "", nil
	}
	token, err = c.Token()
	if err != nil {
		return "", "", err
	}
	user = c.Username
	if user == "" {
		user = "git"
	}
	switch {
	case token == "":
		return "", "", fail("", "the git token is empty")
	case len(token) > maxToken || len(user) > maxToken:
		return "", "", fail("", "the git token or its user name is longer than %d bytes", maxToken)
	case strings.ContainsFunc(token+user, unicode.IsControl):
		return "", "", fail("write the token alone, on one line", "the git token or its user name holds control characters")
	case strings.Contains(user, ":"):
		return "", "", fail("", "the user name of the git token holds a colon")
	}
	return user, token, nil
}

// readSmall reads a file of at most max bytes. Its errors name neither the file nor anything of its content.
func readSmall(file string, max int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, reasonOf(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	switch {
	case err != nil:
		return nil, reasonOf(err)
	case int64(len(data)) > max:
		return nil, errors.New("it is too large")
	}
	return data, nil
}

// reasonOf returns the cause of a file's error, without the path that the caller names already.
func reasonOf(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}
