package pack

import "fmt"

// Limits of a package, from https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html ("Deployment
// package (.zip file archive) size": 50 MB zipped for direct upload, 250 MB unzipped). Lambda's own errors give them in
// bytes: "Zipped size must be smaller than 52428800 bytes", "Unzipped size must be smaller than 262144000 bytes".
const (
	// MaxZipped is the largest package that Lambda takes in a direct upload, in bytes.
	MaxZipped = 52_428_800

	// MaxStaged is the largest package that Lambda can take by way of S3, in bytes: one whose files are stored as they are,
	// and the largest directory that is read.
	MaxStaged = MaxUnzipped + maxDirectorySize

	// MaxUnzipped is how many bytes the files of a package may have together.
	MaxUnzipped = 262_144_000

	// MaxEntries is how many files a package may have. A zip with more needs the ZIP64 extension (APPNOTE 4.4.1.4).
	MaxEntries = 65_534
)

// File is a file that a package holds beside those of its tree: the bundle.
type File struct {
	// Path is where the file goes, relative to the package's root, with slashes.
	Path string

	// Data is the content.
	Data []byte
}

// Error is a fault of one path in a tree or in exclusions, so that callers can show the path from where they stand.
type Error struct {
	// Path is relative to the package's root.
	Path string

	// Cause is what is wrong with it, and what to do.
	Cause string
}

func (e *Error) Error() string { return e.Path + ": " + e.Cause }

// checkZipped checks the size of a package against what a delivery takes, so far or in all.
func checkZipped(what string, size, max int64) error {
	switch {
	case size <= max:
		return nil
	case max == MaxZipped:
		return tooLarge{fmt.Errorf("%s has %d bytes, Lambda takes at most %d (50 MB) in a direct upload", what, size, max)}
	}
	return fmt.Errorf("%s has %d bytes, at most %d can be delivered", what, size, max)
}
