package gitsource_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"sealift.dev/sealift/controller/internal/gitsource"
)

const passphrase = "SEALIFTCANARY-passphrase-77"

// shellServer is an ssh server that runs git-upload-pack for one key.
type shellServer struct {
	t        *testing.T
	address  string
	config   *ssh.ServerConfig
	hostKeys []ssh.Signer
	key      ed25519.PrivateKey
	mu       sync.Mutex
	commands []string
	stall    func() // instead of git
}

func newShellServer(t *testing.T) *shellServer {
	t.Helper()
	_, client, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, host, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &shellServer{t: t, key: client, hostKeys: []ssh.Signer{signer(t, other), signer(t, host)}}
	allowed := signer(t, client).PublicKey()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), allowed.Marshal()) {
			return nil, errors.New("another key")
		}
		return nil, nil
	}}
	s.config = config
	for _, key := range s.hostKeys {
		config.AddHostKey(key)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return s
}

func signer(t *testing.T, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shellServer) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	config := *s.config
	s.mu.Unlock()
	_, channels, requests, err := ssh.NewServerConn(conn, &config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			if r.Type != "exec" {
				r.Reply(false, nil)
				continue
			}
			r.Reply(true, nil)
			s.run(channel, string(r.Payload[4:]))
			channel.Close()
		}
	}
}

func (s *shellServer) run(channel ssh.Channel, command string) {
	s.mu.Lock()
	s.commands = append(s.commands, command)
	stall := s.stall
	s.mu.Unlock()
	if stall != nil {
		stall()
		io.Copy(io.Discard, channel)
		return
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	if cmd.Start() != nil {
		return
	}
	go func() {
		io.Copy(in, channel)
		in.Close()
	}()
	status := struct{ Status uint32 }{}
	if cmd.Wait() != nil {
		status.Status = 128
	}
	channel.SendRequest("exit-status", false, ssh.Marshal(status))
}

// knownHosts writes a file that has these keys of the server.
func (s *shellServer) knownHosts(keys ...ssh.Signer) string {
	s.t.Helper()
	var lines string
	for _, key := range keys {
		lines += knownhosts.Line([]string{s.address}, key.PublicKey()) + "\n"
	}
	return s.file("known_hosts", []byte(lines))
}

func (s *shellServer) file(name string, data []byte) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *shellServer) keyFile(key ed25519.PrivateKey, phrase string) string {
	s.t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if phrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(phrase))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s.file("id", pem.EncodeToMemory(block))
}

func (s *shellServer) url(path string) string { return "ssh://git@" + s.address + path }

func (s *shellServer) remote(path string, c gitsource.Credentials) *gitsource.Remote {
	s.t.Helper()
	if c.KnownHosts == nil {
		c.KnownHosts = []string{s.knownHosts(s.hostKeys...)}
	}
	if c.SSHKey == "" && c.SSHAgent == "" {
		c.SSHKey = s.keyFile(s.key, "")
	}
	return openRemote(s.t, gitsource.RemoteOptions{URL: s.url(path), Credentials: c, Branch: "main"})
}

func TestRemoteOverSSH(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(odd())
	s := newShellServer(t)
	r := s.remote(w.dir, gitsource.Credentials{})
	c := poll(t, r)
	if c.Revision() != first {
		t.Errorf("revision %s, want %s", c.Revision(), first)
	}
	checkContents(t, c, odd())
	if again := poll(t, r); again != c {
		t.Error("an unchanged branch was read again")
	}
	second := w.commit(map[string]string{"a": "2"})
	if moved := poll(t, r); moved.Revision() != second {
		t.Errorf("revision %s, want %s", moved.Revision(), second)
	}
	if old, err := r.Commit(t.Context(), first); err != nil || old.Revision() != first {
		t.Error(err)
	}
	if want := "git-upload-pack '" + w.dir + "'"; len(s.commands) != 3 || s.commands[0] != want {
		t.Errorf("commands %q, want three of %s", s.commands, want)
	}
}

// The path is one word to the server's shell, whatever it holds.
func TestRemoteQuotesThePath(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "b"})
	strange := filepath.Join(t.TempDir(), "it's $(touch x); a `repo`")
	w.git("clone", "-q", "--bare", w.dir, strange)
	s := newShellServer(t)
	r := s.remote(strings.NewReplacer(" ", "%20", "`", "%60").Replace(strange), gitsource.Credentials{})
	if c := poll(t, r); c.Revision() != head {
		t.Errorf("revision %s, want %s", c.Revision(), head)
	}
}

func TestRemoteOverSSHRefuses(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "b"})
	s := newShellServer(t)
	port := s.address[strings.LastIndex(s.address, ":")+1:]
	name := "[127.0.0.1]:" + port
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	none, wrong := s.file("known_hosts", nil), s.knownHosts(signer(t, stranger))
	ecdsaOnly, ed25519Only := s.knownHosts(s.hostKeys[0]), s.knownHosts(s.hostKeys[1])
	locked := s.keyFile(s.key, passphrase)
	text := s.file("id", []byte(passphrase))
	missing := filepath.Join(t.TempDir(), "missing")
	tests := []struct {
		name, path string
		with       gitsource.Credentials
		err, hint  string
	}{
		{name: "unknown host", with: gitsource.Credentials{KnownHosts: []string{none}}, err: "the ssh host key of " + name + " is not in " + none,
			hint: "`ssh-keyscan -p " + port + " 127.0.0.1` shows it; compare it with what the server's owner publishes, then add it there"},
		{name: "changed host key", with: gitsource.Credentials{KnownHosts: []string{wrong}}, err: "the ssh host key of " + name + " is not the one in " + wrong,
			hint: "somebody may be in between: ask the server's owner whether the key has changed, before you replace it there"},
		{name: "no known hosts", with: gitsource.Credentials{KnownHosts: []string{missing}}, err: "read the known hosts " + missing + ": no such file or directory"},
		{name: "ECDSA host key alone", with: gitsource.Credentials{KnownHosts: []string{ecdsaOnly}}},
		{name: "Ed25519 host key alone", with: gitsource.Credentials{KnownHosts: []string{ed25519Only}}},
		{name: "two files", with: gitsource.Credentials{KnownHosts: []string{none, ecdsaOnly}}},
		{name: "stranger", with: gitsource.Credentials{SSHKey: s.keyFile(stranger, "")}, err: "the server does not accept the ssh key of user git"},
		{name: "no key file", with: gitsource.Credentials{SSHKey: missing}, err: "read the ssh key " + missing + ": no such file or directory"},
		{name: "not a key", with: gitsource.Credentials{SSHKey: text}, err: "the ssh key " + text + " is not a private key that can be read"},
		{name: "no passphrase", with: gitsource.Credentials{SSHKey: locked}, err: "the ssh key " + locked + " is encrypted, and there is no passphrase"},
		{name: "wrong passphrase", with: gitsource.Credentials{SSHKey: locked, SSHPassphrase: func() (string, error) { return passphrase + "x", nil }}, err: "the passphrase does not open the ssh key " + locked},
		{name: "passphrase", with: gitsource.Credentials{SSHKey: locked, SSHPassphrase: func() (string, error) { return passphrase, nil }}},
		{name: "no agent", with: gitsource.Credentials{SSHAgent: missing}, err: "the ssh agent at SSH_AUTH_SOCK does not answer"},
		{name: "agent", with: gitsource.Credentials{SSHAgent: startAgent(t, s.key)}},
		{name: "no such repository", path: "/nowhere/r.git", err: "the server has no such repository, or does not show it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := firstOf(test.path, w.dir)
			_, err := s.remote(path, test.with).Poll(t.Context())
			if test.err != "" {
				test.err = "fetch " + s.url(path) + ": " + test.err
			}
			checkError(t, err, test.err)
			checkSecret(t, err)
			if test.hint != "" {
				checkHint(t, err, test.hint)
			}
		})
	}
}

// startAgent serves an ssh agent with one key and returns its socket.
func startAgent(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") // short, as the name of a socket has to be
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				agent.ServeAgent(keys, conn)
				conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
		os.RemoveAll(dir)
	})
	return filepath.Join(dir, "s")
}

func TestRemoteOverSSHEndsWithItsContext(t *testing.T) {
	s := newShellServer(t)
	ctx, stop := context.WithCancel(t.Context())
	s.stall = stop
	_, err := s.remote("/r.git", gitsource.Credentials{}).Poll(ctx)
	checkError(t, err, "fetch "+s.url("/r.git")+": context canceled")
}

// A host that answers nothing, or something else than ssh.
func TestRemoteOverSSHWithoutItsServer(t *testing.T) {
	s := newShellServer(t)
	for greeting, want := range map[string]string{"": "no answer from %s", "HTTP/1.1 400 " + passphrase + "\r\n\r\n": "no answer from %s"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			if conn, err := listener.Accept(); err == nil {
				io.WriteString(conn, greeting)
				conn.Close()
			}
		})
		address := listener.Addr().String()
		file := s.file("known_hosts", []byte(knownhosts.Line([]string{address}, s.hostKeys[0].PublicKey())+"\n"))
		r := openRemote(t, gitsource.RemoteOptions{URL: "ssh://" + address + "/r.git", Credentials: gitsource.Credentials{SSHKey: s.keyFile(s.key, ""), KnownHosts: []string{file}}})
		_, err = r.Poll(t.Context())
		checkError(t, err, "fetch ssh://git@"+address+"/r.git: "+fmt.Sprintf(want, address))
		listener.Close()
		serving.Wait()
	}
}

// certify has the server show a certificate of a host key for a name.
func (s *shellServer) certify(authority ssh.Signer, principal string) {
	s.t.Helper()
	cert := &ssh.Certificate{Key: s.hostKeys[0].PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{principal}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		s.t.Fatal(err)
	}
	shown, err := ssh.NewCertSigner(cert, s.hostKeys[0])
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.AddHostKey(shown)
}

// A file of known hosts may name who certifies host keys (sshd(8), "@cert-authority").
func TestRemoteOverSSHWithCertificate(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := signer(t, key)
	tests := []struct {
		name      string
		certified string // "" for no certificate
		own       bool   // whether the file has the host key too
		ok        bool
	}{
		{"certified", "127.0.0.1", false, true},
		{"certified, and known", "127.0.0.1", true, true},
		{"known alone", "", true, true},
		{"certified for another", "git.example.com", false, false},
		{"neither", "", false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShellServer(t)
			w := newWorkTree(t)
			w.commit(map[string]string{"a": "1"})
			if test.certified != "" {
				s.certify(authority, test.certified)
			}
			lines := "@cert-authority " + knownhosts.Line([]string{s.address}, authority.PublicKey()) + "\n"
			if test.own {
				lines += knownhosts.Line([]string{s.address}, s.hostKeys[1].PublicKey()) + "\n"
			}
			hosts := s.file("known_hosts", []byte(lines))
			r := openRemote(t, gitsource.RemoteOptions{
				URL:         "ssh://" + s.address + w.dir,
				Credentials: gitsource.Credentials{SSHKey: s.keyFile(s.key, ""), KnownHosts: []string{hosts}},
			})
			c, err := r.Poll(t.Context())
			if test.ok {
				if err != nil {
					t.Fatal(err)
				}
				checkFile(t, c, "a", "1")
				return
			}
			checkError(t, err, "fetch "+r.URL()+": the ssh host key of "+knownhosts.Normalize(s.address)+" is not the one in "+hosts)
		})
	}
}
