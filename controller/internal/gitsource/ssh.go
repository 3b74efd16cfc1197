package gitsource

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// shellServer is git-upload-pack behind ssh.
type shellServer struct {
	at          endpoint
	credentials Credentials
}

// open connects, checks the host key before anything is shown to the server, and starts git-upload-pack.
func (s *shellServer) open(ctx context.Context) (conversation, error) {
	address := s.at.dial("22")
	hosts, err := readKnownHosts(s.credentials.KnownHosts, address)
	if err != nil {
		return nil, err
	}
	algorithms, err := hosts.algorithms()
	if err != nil {
		return nil, err
	}
	c := &shellConversation{}
	auth, err := c.authentication(ctx, s.credentials)
	if err != nil {
		c.close()
		return nil, err
	}
	config := &ssh.ClientConfig{User: s.at.user, Auth: auth, HostKeyCallback: hosts.callback, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-sealift"}
	if err := c.connect(ctx, address, config); err != nil {
		c.close()
		return nil, shellError(ctx, s.at, hosts, err)
	}
	if err := c.start(s.at.path); err != nil {
		c.close()
		return nil, ended(ctx, fail("check that the key may read it", "the server does not start git-upload-pack"))
	}
	return c, nil
}

// shellConversation is one ssh connection. Whatever it holds open is closed with it, or when its context ends.
type shellConversation struct {
	closers []func()
	client  *ssh.Client
	in      io.WriteCloser
	out     io.Reader
}

func (c *shellConversation) refs() io.Reader { return c.out }

func (c *shellConversation) ask(request []byte) (io.ReadCloser, error) {
	if _, err := c.in.Write(request); err != nil {
		return nil, fail("try again", "the server hangs up")
	}
	return io.NopCloser(c.out), nil
}

func (c *shellConversation) close() {
	for i := len(c.closers) - 1; i >= 0; i-- {
		c.closers[i]()
	}
	c.closers = nil
}

// closeWith closes what c holds when ctx ends, and with c.
func (c *shellConversation) closeWith(ctx context.Context, closer io.Closer) {
	stop := context.AfterFunc(ctx, func() { closer.Close() })
	c.closers = append(c.closers, func() {
		stop()
		closer.Close()
	})
}

func (c *shellConversation) connect(ctx context.Context, address string, config *ssh.ClientConfig) error {
	conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	c.closeWith(ctx, conn)
	shaking, end := context.WithTimeout(ctx, handshakeTimeout)
	defer end()
	stop := context.AfterFunc(shaking, func() { conn.Close() })
	defer stop()
	transport, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil && shaking.Err() != nil {
		return shaking.Err()
	}
	if err != nil {
		return err
	}
	c.client = ssh.NewClient(transport, channels, requests)
	return nil
}

// start runs git-upload-pack. The server's shell, which splits the command, gets the path as one quoted word.
func (c *shellConversation) start(path string) error {
	session, err := c.client.NewSession()
	if err != nil {
		return err
	}
	if c.in, err = session.StdinPipe(); err != nil {
		return err
	}
	if c.out, err = session.StdoutPipe(); err != nil {
		return err
	}
	return session.Start("git-upload-pack '" + strings.ReplaceAll(path, "'", `'\''`) + "'")
}

// authentication returns the key of the file or, without one, those of the agent.
func (c *shellConversation) authentication(ctx context.Context, from Credentials) ([]ssh.AuthMethod, error) {
	const how = "give a key by --git-ssh-key or SEALIFT_GIT_SSH_KEY, or start an ssh agent"
	switch {
	case from.SSHKey != "":
		key, err := from.readKey()
		return []ssh.AuthMethod{ssh.PublicKeys(key)}, err
	case from.SSHAgent == "":
		return nil, fail(how, "there is no ssh key")
	}
	conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "unix", from.SSHAgent)
	if err != nil {
		return nil, fail(how, "the ssh agent at SSH_AUTH_SOCK does not answer")
	}
	c.closeWith(ctx, conn)
	return []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(conn).Signers)}, nil
}

// readKey reads the key file anew, so that a key may be replaced. No error holds any of it.
func (c Credentials) readKey() (ssh.Signer, error) {
	data, err := readSmall(c.SSHKey, maxKeyFile)
	if err != nil {
		return nil, fail("", "read the ssh key %s: %s", c.SSHKey, err)
	}
	defer clear(data)
	key, err := ssh.ParsePrivateKey(data)
	if _, encrypted := errors.AsType[*ssh.PassphraseMissingError](err); encrypted {
		return c.decryptKey(data)
	}
	if err != nil {
		return nil, fail("", "the ssh key %s is not a private key that can be read", c.SSHKey)
	}
	return key, nil
}

func (c Credentials) decryptKey(data []byte) (ssh.Signer, error) {
	passphrase := ""
	if c.SSHPassphrase != nil {
		var err error
		if passphrase, err = c.SSHPassphrase(); err != nil {
			return nil, err
		}
	}
	if passphrase == "" {
		return nil, fail("give it by SEALIFT_GIT_SSH_PASSPHRASE, or add the key to an ssh agent", "the ssh key %s is encrypted, and there is no passphrase", c.SSHKey)
	}
	key, err := ssh.ParsePrivateKeyWithPassphrase(data, []byte(passphrase))
	if err != nil {
		return nil, fail("", "the passphrase does not open the ssh key %s", c.SSHKey)
	}
	return key, nil
}

// shellError classifies why there is no connection.
func shellError(ctx context.Context, at endpoint, hosts *knownHosts, err error) error {
	_, network := errors.AsType[net.Error](err)
	negotiation, none := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case hosts.refusal != nil:
		return hosts.refusal
	case none && strings.Contains(negotiation.What, "host key"):
		return hosts.changed()
	case network, errors.Is(err, io.EOF):
		return noAnswer(at.host, err)
	case none:
		return fail("", "%s has no ssh algorithm that is taken here", at.host)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fail("add the public key to the server, or name another one by --git-ssh-key", "the server does not accept the ssh key of user %s", scrub(at.user))
	}
	return fail("", "%s does not speak ssh as it should", at.host)
}
