package controller

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// Objects are those of S3, with the rights that the function is worked on with.
type Objects interface {
	// Download writes an object to w. One of more than max bytes is an error, when some of it
	// may have been written.
	Download(ctx context.Context, at plan.Object, w io.Writer, max int64) error
	// Stage puts a package there, of that size and SHA-256 in base64, and returns the object
	// with its version, where it has one.
	Stage(ctx context.Context, at plan.Object, content io.ReadSeeker, size int64, sha256 string) (plan.Object, error)
	// Remove deletes an object. One that is gone is no error.
	Remove(ctx context.Context, at plan.Object) error
}

// made keeps the package that a build made from its first look to the end of an apply, so
// that it is read and checked once.
type made struct{ zip *pack.Spool }

// close frees the package. It can be called again.
func (m *made) close() error {
	if m.zip == nil {
		return nil
	}
	spool := m.zip
	m.zip = nil
	return spool.Close()
}

// unclosed is a zip that is closed by somebody else.
type unclosed struct{ pack.Zip }

// isMade reports whether the package is a zip that a build made.
func (t Target) isMade() bool {
	p := t.Config.Spec.Package
	return p != nil && (p.Zip != "" || p.S3 != nil)
}

// ZipFile returns the path of spec.package.zip from the repository's root, or "".
func (t Target) ZipFile() string {
	if p := t.Config.Spec.Package; p != nil && p.Zip != "" {
		return path.Join(path.Dir(t.File), p.Zip)
	}
	return ""
}

// maxZipped is the largest package that the delivery takes, in bytes.
func (t Target) maxZipped() int64 { return maxZipped(t.Config) }

func maxZipped(config *v1alpha1.SealedConfig) int64 {
	if config.Spec.Package.Staged() != nil {
		return pack.MaxStaged
	}
	return pack.MaxZipped
}

// reference returns the object that Lambda can take as it is, if the package of that
// CodeSHA256 is the one of spec.package.s3: by its version, as what has none may be replaced.
func (t Target) reference(size int64, codeSHA256 string) (plan.Object, bool) {
	p := t.Config.Spec.Package
	if p == nil || p.S3 == nil || p.S3.VersionID == "" {
		return plan.Object{}, false
	}
	sum, err := hex.DecodeString(p.S3.SHA256)
	return object(*p.S3), err == nil && base64Of(sum) == codeSHA256 && size > 0
}

func object(o v1alpha1.ObjectSpec) plan.Object {
	return plan.Object{Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID}
}

// unusable says what is wrong with the package, with the field that names it.
func (t Target) unusable(err error) error {
	return plan.Refused{Err: fmt.Errorf("%s: %s: %w", t.File, t.Config.Spec.Package.Field(), err)}
}

// made returns the package that a build made, which stays open for as long as the Target's
// own: it is what git or spec.package.s3.sha256 says, a zip that a bundle can be put into, and
// takes no secrets in plain text along.
func (r *Reconciler) made(ctx context.Context, t Target) (*pack.Deployed, error) {
	known := t.made.zip != nil
	if !known {
		spool, err := r.fetch(ctx, t)
		if err != nil {
			return nil, err
		}
		t.made.zip = spool
	}
	inspect := pack.Inspect
	if known { // its contents were looked at then
		inspect = pack.InspectKnown
	}
	deployed, err := inspect(unclosed{t.made.zip}, t.Config.Spec.Bundle.Path, t.maxMade())
	if err != nil {
		return nil, t.unusable(err)
	}
	if known {
		return deployed, nil
	}
	found, err := leftoversIn(t.made.zip, t.Config.Spec)
	if err != nil {
		return nil, t.unusable(err)
	}
	return deployed, t.plainText(found)
}

// maxMade is the largest package of a build that can be delivered: one that Lambda takes by
// itself from S3 needs no staging.
func (t Target) maxMade() int64 {
	p := t.Config.Spec.Package
	if p.S3 != nil && p.S3.VersionID != "" && t.Config.Spec.Bundle.Delivery != v1alpha1.DeliveryPackage {
		return pack.MaxStaged
	}
	return t.maxZipped()
}

// fetch reads the package to where it can be read in place, and compares its digest.
func (r *Reconciler) fetch(ctx context.Context, t Target) (*pack.Spool, error) {
	spool := pack.NewSpool(r.o.Packages.Dir)
	var err error
	if t.Config.Spec.Package.S3 != nil {
		err = r.fetchObject(ctx, t, spool)
	} else {
		err = t.readZip(ctx, spool)
		if err != nil {
			err = t.unusable(err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return spool, nil
}

func (r *Reconciler) fetchObject(ctx context.Context, t Target, to io.Writer) error {
	spec := *t.Config.Spec.Package.S3
	sum := sha256.New()
	if err := r.o.Objects.Download(ctx, object(spec), io.MultiWriter(to, sum), pack.MaxStaged); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != spec.SHA256 {
		return plan.Problem{
			Reason:  "PackageMismatch",
			Message: fmt.Sprintf("%s has the SHA-256 %s, and spec.package.s3.sha256 is %s: nothing was written", spec.URL(), got, spec.SHA256),
			Fix:     "if that build is the wanted one, commit its sha256 and its versionId; else find out who replaced the object",
		}
	}
	return nil
}

// readZip writes spec.package.zip, as the commit has it, to a writer.
func (t Target) readZip(ctx context.Context, to io.Writer) error {
	name := t.ZipFile()
	folder, err := t.commit.Sub(ctx, path.Dir(name))
	if err != nil {
		return err
	}
	return ReadZip(folder, path.Base(name), to)
}

// ReadZip writes a zip file of root to a writer. It refuses what Git LFS keeps elsewhere, and
// what is larger than any package.
func ReadZip(root fs.FS, name string, to io.Writer) error {
	info, err := fs.Stat(root, name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "read", Path: name, Err: errNotRegular}
	}
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	start := make([]byte, len(pointer))
	n, err := io.ReadFull(file, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(start[:n]) == pointer {
		return fmt.Errorf("%s is a pointer of Git LFS, and the file itself is not in git; commit it without LFS, or put it into S3 (spec.package.s3)", name)
	}
	size, err := io.Copy(to, io.LimitReader(io.MultiReader(bytes.NewReader(start[:n]), file), pack.MaxStaged+1))
	if err == nil && size > pack.MaxStaged {
		err = fmt.Errorf("%s is larger than the %d bytes that Lambda unpacks", name, pack.MaxUnzipped)
	}
	return err
}

// pointer begins the files that Git LFS has git keep in the place of others
// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
const pointer = "version https://git-lfs.github.com/spec/"
