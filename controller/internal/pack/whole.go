package pack

import (
	"archive/zip"
	"errors"
	"fmt"
)

// tooLarge is why a package can't be uploaded to Lambda itself.
type tooLarge struct{ error }

// Unwrap returns the cause.
func (t tooLarge) Unwrap() error { return t.error }

// Hint returns the next step.
func (t tooLarge) Hint() string {
	return "name a bucket in spec.package.staging: by way of S3, Lambda takes what unpacks to 250 MB; or make the package smaller"
}

// Whole returns a zip as it is. Closing the package does not close the zip.
func Whole(zip Zip) (Package, error) {
	var all assembly
	all.add(section(zip), 0, zip.Size())
	return all.digested(nil)
}

// LeftoversIn is [Leftovers] for a zip that [Inspect] accepted.
func LeftoversIn(archive Zip, allow []string, added ...string) ([]Error, error) {
	r, err := zip.NewReader(archive, archive.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("read zip: %w", err)
	}
	return findLeftovers(r, nil, allow, added, "have the build leave it out, or add %[1]q to spec.package.allow if it is no secret")
}
