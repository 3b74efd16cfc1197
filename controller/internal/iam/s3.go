package iam

import "slices"

// Object is an object of S3 that a package is read from.
type Object struct {
	Bucket, Key string
	Version     bool // one version of it is named
}

// staged are the actions on packages that Lambda takes from S3: it reads them with the rights
// of whoever updates the function. A bucket with versions has one deleted, and not hidden.
func staged() []string {
	return []string{"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"}
}

// objects allows what the configs' packages are read from and staged at.
func (p *Policy) objects(configs []Config) {
	var newest, versions, staging []string
	for _, c := range configs {
		prefix := "arn:" + PartitionOf(c.Region) + ":s3:::"
		switch object := prefix + c.Object.Bucket + "/" + c.Object.Key; {
		case c.Object.Bucket == "":
		case c.Object.Version:
			versions = append(versions, object)
		default:
			newest = append(newest, object)
		}
		if c.Staging != "" {
			staging = append(staging, prefix+c.Staging+c.Function+"/*")
		}
	}
	for _, group := range []struct {
		sid                string
		actions, resources []string
	}{
		{"ReadPackages", []string{"s3:GetObject"}, newest},
		{"ReadPackageVersions", []string{"s3:GetObjectVersion"}, versions},
		{"StagePackages", staged(), staging},
	} {
		for some := range slices.Chunk(unique(group.resources), most) {
			p.add(Statement{Sid: group.sid, Actions: group.actions, Resources: some})
		}
	}
}
