// Package gitsource reads commits: revisions, listings, blobs and what a push brings.
//
// A [Repository] is read by the git program, because git alone sees every object that a hook may see. Inside pre-receive
// the pushed objects are in a quarantine that only the environment names (git-receive-pack(1), "Quarantine Environment"), so git's
// own variables are handed on to it. No work tree is ever checked out, no hook and no replacement object is followed,
// and no process is started through a shell. Arguments that come from outside reach git behind --end-of-options or --
// or, once resolved, as hexadecimal object ids.
//
// A [Remote] is a branch of another repository, for which no program is run: go-git reads objects, packs and refs, and
// speaks git's protocol over https and ssh. Its own transports and its Remote were not taken: their protocols are
// registered process-wide, they repeat what servers say in errors, ssh connects without a context and with the user's
// ssh_config, and nothing bounds what a server sends. So a pack is first written to a file and checked from end to end,
// then indexed, then listed; only a commit that is complete becomes the head.
//
// What git or a server answers is parsed strictly and within limits, because a repository may be hostile: a commit with more than
// [MaxEntries] files and folders, a path longer than [MaxPath] bytes, or a path that is not valid UTF-8 is an error.
// Repositories with SHA-1 and with SHA-256 object ids are read alike by the git program; a Remote has SHA-1 alone.
package gitsource
