package gitsource

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// knownHosts checks the host key of one ssh server against files in OpenSSH's format.
type knownHosts struct {
	files   []string
	address string // host:port
	check   ssh.HostKeyCallback
	refusal error // why the key that the server showed was refused
}

// readKnownHosts reads the files anew, so that a key that was added since counts.
func readKnownHosts(named []string, address string) (*knownHosts, error) {
	files := named
	if len(named) == 0 {
		files = slices.DeleteFunc(usualKnownHosts(), func(file string) bool {
			_, err := os.Stat(file)
			return err != nil
		})
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil {
			return nil, fail("", "read the known hosts %s: %s", file, reasonOf(err))
		} else if info.Size() > maxKnownHosts {
			return nil, fail("", "read the known hosts %s: it is larger than %d bytes", file, maxKnownHosts)
		}
	}
	k := &knownHosts{files: files, address: address}
	var err error
	if k.check, err = knownhosts.New(files...); err != nil {
		return nil, fail("`ssh-keygen -F host -f FILE` reads it, too", "the known hosts in %s cannot be read: %s", strings.Join(files, ", "), scrub(err.Error()))
	}
	return k, nil
}

const maxKnownHosts = 16 << 20

func usualKnownHosts() []string {
	files := []string{"/etc/ssh/ssh_known_hosts"}
	if home, err := os.UserHomeDir(); err == nil {
		files = append([]string{filepath.Join(home, ".ssh", "known_hosts")}, files...)
	}
	return files
}

// algorithms returns those of the keys that the files have of the server. Without this restriction a server that has
// more kinds of keys than the files may show one that they lack, which looks like an attack.
func (k *knownHosts) algorithms() ([]string, error) {
	unknown, ok := errors.AsType[*knownhosts.KeyError](k.check(k.address, &net.TCPAddr{IP: net.IPv4zero}, noKey{}))
	if !ok || len(unknown.Want) == 0 {
		return nil, k.unknown()
	}
	var names, certified []string
	for _, key := range unknown.Want {
		switch kind := key.Key.Type(); {
		case isAuthority(key):
			certified = certificates()
		case kind == ssh.KeyAlgoRSA:
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256) // never its SHA-1
		default:
			names = append(names, kind)
		}
	}
	return append(certified, names...), nil
}

// certificates returns the algorithms of host keys that an authority certified, whatever its own key is.
func certificates() []string {
	return []string{ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01}
}

// isAuthority reports whether a key is one that certifies host keys, which only its line tells.
func isAuthority(key knownhosts.KnownKey) bool {
	data, err := readSmall(key.Filename, maxKnownHosts)
	if err != nil {
		return false
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		if number++; number == key.Line {
			return strings.HasPrefix(strings.TrimSpace(line), "@cert-authority")
		}
	}
	return false
}

// noKey is a public key that is no server's: the refusal of it lists the keys that would be taken.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

func (k *knownHosts) unknown() error {
	where := strings.Join(k.files, ", ")
	if where == "" {
		where = strings.Join(usualKnownHosts(), ", ") + " (no such files)"
	}
	return fail(k.hint(), "the ssh host key of %s is not in %s", knownhosts.Normalize(k.address), where)
}

func (k *knownHosts) hint() string {
	host, port, err := net.SplitHostPort(k.address)
	if err != nil || port == "22" {
		return "`ssh-keyscan " + host + "` shows it; compare it with what the server's owner publishes, then add it there"
	}
	return "`ssh-keyscan -p " + port + " " + host + "` shows it; compare it with what the server's owner publishes, then add it there"
}

// callback is for ssh.ClientConfig.
func (k *knownHosts) callback(address string, remote net.Addr, key ssh.PublicKey) error {
	err := k.check(address, remote, key)
	if err == nil {
		return nil
	}
	k.refusal = k.changed()
	return k.refusal
}

func (k *knownHosts) changed() error {
	return fail("somebody may be in between: ask the server's owner whether the key has changed, before you replace it there",
		"the ssh host key of %s is not the one in %s", knownhosts.Normalize(k.address), strings.Join(k.files, ", "))
}
