package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// remoteFlags say which branch of which repository is read, and how sealift shows
// itself to its server. Secrets come from files and the environment, never from the
// command line.
type remoteFlags struct {
	repo       string
	branch     string
	tokenFile  string
	sshKey     string
	knownHosts []string
}

func (f *remoteFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.repo, "repo", "", "read a branch of the repository at `URL`: a folder, file://, https:// or ssh://")
	flags.StringVar(&f.branch, "branch", "", "with --repo: the `branch`; default: the one that its HEAD names")
	flags.StringVar(&f.tokenFile, "git-token-file", "", "with an https:// repository: the `file` with its token; default: $SEALIFT_GIT_TOKEN")
	flags.StringVar(&f.sshKey, "git-ssh-key", "", "with an ssh:// repository: the `file` with the private key; default: $SEALIFT_GIT_SSH_KEY, or the ssh agent")
	flags.StringArrayVar(&f.knownHosts, "git-known-hosts", nil, "with an ssh:// repository: a `file` with its host key; may be given again; default: $SSH_KNOWN_HOSTS, or the usual files")
}

// check refuses what does not go together.
func (f *remoteFlags) check() error {
	if f.repo == "" && (f.tokenFile != "" || f.sshKey != "" || len(f.knownHosts) > 0) {
		return errors.New("--git-token-file, --git-ssh-key and --git-known-hosts go with --repo")
	}
	return nil
}

// open opens the repository; a copy goes to dir, or to a temporary folder for "".
func (f *remoteFlags) open(dir string) (*gitsource.Remote, error) {
	return gitsource.OpenRemote(gitsource.RemoteOptions{URL: f.repo, Branch: f.branch, Dir: dir, Credentials: f.credentials()})
}

// credentials takes from the environment what no flag gives.
func (f *remoteFlags) credentials() gitsource.Credentials {
	c := gitsource.Credentials{
		Username: os.Getenv("SEALIFT_GIT_USERNAME"), SSHKey: f.sshKey, SSHAgent: os.Getenv("SSH_AUTH_SOCK"), KnownHosts: f.knownHosts,
		SSHPassphrase: func() (string, error) { return os.Getenv("SEALIFT_GIT_SSH_PASSPHRASE"), nil },
	}
	switch {
	case f.tokenFile != "":
		c.Token = gitsource.TokenFile(f.tokenFile)
	case os.Getenv("SEALIFT_GIT_TOKEN") != "":
		c.Token = func() (string, error) { return os.Getenv("SEALIFT_GIT_TOKEN"), nil }
	}
	if c.SSHKey == "" {
		c.SSHKey = os.Getenv("SEALIFT_GIT_SSH_KEY")
	}
	if len(c.KnownHosts) == 0 {
		c.KnownHosts = filepath.SplitList(os.Getenv("SSH_KNOWN_HOSTS"))
	}
	return c
}

// uploadsIn remembers uploads in a git folder.
func uploadsIn(gitDir string) uploads {
	state := filepath.Join(gitDir, "sealift")
	return uploads{dir: filepath.Join(state, "uploads"), state: state}
}

// uploadsOf remembers the uploads of a repository: in its git folder if it is on
// this machine. One that is copied has a folder of its own below the user's cache
// folder, as the copy does not outlive the command, or, where the cache can't be
// written to, a temporary one: then nothing is remembered, which costs another upload
// after a command that was killed in the middle, and nothing else.
func uploadsOf(remote *gitsource.Remote) uploads {
	if dir := remote.GitDir(); dir != "" {
		return uploadsIn(dir)
	}
	if cache, err := os.UserCacheDir(); err == nil {
		sum := sha256.Sum256([]byte(remote.URL()))
		dir := filepath.Join(cache, "sealift", "uploads", hex.EncodeToString(sum[:16]))
		// Chmod fails on a folder of somebody else, who could name a package to be made live.
		if os.MkdirAll(dir, 0o700) == nil && os.Chmod(dir, 0o700) == nil {
			return uploads{dir: dir, state: filepath.Join(cache, "sealift")}
		}
	}
	dir, err := os.MkdirTemp("", "sealift-uploads-")
	if err != nil {
		dir = "" // Remember says so
	}
	return uploads{dir: dir, temporary: true}
}

// close removes a temporary folder.
func (u uploads) close() {
	if u.temporary && u.dir != "" {
		_ = os.RemoveAll(u.dir)
	}
}
