package plan

import "sealift.dev/sealift/api/envelope"

// Object is an object of S3. Without VersionID it is the newest one of its key.
type Object struct{ Bucket, Key, VersionID string }

// URL returns s3://BUCKET/KEY.
func (o Object) URL() string { return "s3://" + o.Bucket + "/" + o.Key }

// ZipIdentity is CodeIdentity for a zip file of a commit, by git's object id of it.
func ZipIdentity(blobID string) envelope.Digest {
	return identity("sealift/code/1", []string{"blob " + blobID})
}

// BareZipIdentity is BareIdentity for a zip file of a commit.
func BareZipIdentity(blobID string) envelope.Digest {
	return identity("sealift/code-alone/1", []string{"blob " + blobID})
}

// ObjectIdentity is CodeIdentity for an object of S3, by its version, which may be "", and its
// SHA-256 in hexadecimal.
func ObjectIdentity(versionID, sha256 string) envelope.Digest {
	return identity("sealift/code/1", []string{"version " + versionID, "sha256 " + sha256})
}

// BareObjectIdentity is BareIdentity for an object of S3.
func BareObjectIdentity(versionID, sha256 string) envelope.Digest {
	return identity("sealift/code-alone/1", []string{"version " + versionID, "sha256 " + sha256})
}

// codeSource says in short where the code is that is wanted.
func (d Desired) codeSource() string { return d.Config.Spec.Package.Source() }
