// Package pack builds a function's package, the zip that Lambda unpacks to /var/task, patches one that somebody else
// built, and reads single entries back.
//
// A package is deterministic: the same tree, exclusions and added file give the same bytes, whatever the machine, the
// time, the checkout or the file system's order. Entries are sorted by the bytes of their names, carry one fixed date,
// one of two modes and no extra fields. They are compressed by a pinned module and not by the standard library, whose
// output may change with the Go release: two builds of one sealift give one CodeSha256.
//
// A package is patched by its bytes: its end and its directory are read, every entry is checked and copied whole, and the
// directory is written again with other offsets. The raw copy of archive/zip (OpenRaw, CreateRaw) was not taken: it makes
// the local headers anew from the central ones, whose extra fields are others, and the reader under it lets pass what a
// package that anybody may have deployed has to be checked for.
//
// No package is held in memory as a whole: one that is built goes to a Spool as its entries are compressed, and one that is
// patched is a sequence of parts of the deployed one with the new entry and the new directory between and behind them, of
// which nothing is copied until it is uploaded.
//
// Exclusions are matched by this package's own reading of gitignore(5), tested against git itself. The matcher of
// go-git was not taken: it lets a negated folder bring back files that a pattern for names excludes, takes dir/** for
// dir as well, does not retry after **/ and knows no [!a], so that a package would hold other files than git suggests.
package pack
