// Package gitsource reads commits: revisions, listings, blobs and what a push brings.
//
// It runs the git program, because git alone sees every object that a hook may see. Inside pre-receive the pushed
// objects are in a quarantine that only the environment names (git-receive-pack(1), "Quarantine Environment"), so git's
// own variables are handed on to it. No work tree is ever checked out, no hook and no replacement object is followed,
// and no process is started through a shell. Arguments that come from outside reach git behind --end-of-options or --
// or, once resolved, as hexadecimal object ids.
//
// What git answers is parsed strictly and within limits, because a repository may be hostile: a commit with more than
// [MaxEntries] files and folders, a path longer than [MaxPath] bytes, or a path that is not valid UTF-8 is an error.
// Repositories with SHA-1 and with SHA-256 object ids are read alike.
package gitsource
