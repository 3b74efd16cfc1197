package pack

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// MaxCache is how many bytes a cache may take on the disk unless another number is given.
const MaxCache = 512 << 20

const (
	// compressorName is in the name of every file of a cache: what another module, version or level compressed has other
	// bytes, and a package is not to depend on what is cached.
	compressorName = "klauspost-1.20.3-6"

	cacheMark    = "slftdfl1"
	cacheHeader  = len(cacheMark) + 8 + 4 + sha256.Size // and the size of the content, its checksum and the digest of the rest
	incomingFile = ".incoming-"

	// blockSize is what a file's size is rounded up to when it is counted.
	blockSize = 4096

	// touchAfter is how old the time of a file's last use may be, which spares a write for each file of each build.
	touchAfter = time.Hour
)

// Cache keeps compressed files of git trees in a folder, from one build to the next: by the id of the git blob that a file
// is, and never by its name. It holds what is in git as well, and no secrets. The folder can be deleted at any time, and any
// number of programs can use it at once.
//
// What is found there is not trusted: it is unpacked, which takes a fraction of the time that packing does, and has to be
// the content of that blob by git's own hash. A digest of the packed bytes tells also what unpacks to the same. What is not
// right is removed, and packed again. A digest with a key was not taken for that, for the key would have to lie beside it:
// who can write there is this user, and can at most have the same files packed otherwise.
//
// A folder that others own or can write to is not used. A Cache that can't be used, as also a nil one, finds nothing and
// keeps nothing. It is safe for concurrent use.
type Cache struct {
	dir string
	max int64
	now func() time.Time

	opening sync.Once
	fault   error

	failed  atomic.Bool // to write
	tidying sync.Mutex
	counted atomic.Bool
	since   atomic.Int64 // bytes written since the files were counted
}

// NewCache returns the cache in dir, which is made when it is used first, and takes at most max bytes there. It tells by now
// which files were used last.
func NewCache(dir string, max int64, now func() time.Time) *Cache {
	return &Cache{dir: dir, max: max, now: now}
}

// Fault returns why the cache is not used, or nil.
func (c *Cache) Fault() error {
	if c == nil {
		return nil
	}
	return c.open()
}

func (c *Cache) open() error {
	c.opening.Do(func() {
		c.fault = os.MkdirAll(c.dir, 0o700)
		info, err := os.Lstat(c.dir)
		switch {
		case c.fault != nil:
		case err != nil:
			c.fault = err
		case !info.IsDir() || !isPrivate(info):
			c.fault = fmt.Errorf("%s is not a folder that this user alone can write to", c.dir)
		}
	})
	return c.fault
}

// serves reports whether a file can be in the cache: one of a git tree, in a cache that can be used.
func (c *Cache) serves(f entry) bool {
	return c != nil && f.tree && f.size > 0 && isBlobID(f.id) && c.open() == nil
}

func isBlobID(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}

func (c *Cache) file(id string) string { return filepath.Join(c.dir, id+"-"+compressorName) }

// get returns the compressed form of a file, if it is there and right.
func (c *Cache) get(f entry, v *verifier) (compressed, bool) {
	if !c.serves(f) {
		return compressed{}, false
	}
	name := c.file(f.id)
	data, used, err := readCached(name, int64(cacheHeader)+f.size)
	if err != nil {
		return compressed{}, false
	}
	body, ok := parseCached(data, f.size)
	if !ok || !v.matches(body, f.id) {
		_ = os.Remove(name)
		return compressed{}, false
	}
	if now := c.now(); now.Sub(used) > touchAfter {
		_ = os.Chtimes(name, now, now)
	}
	return body, true
}

// readCached reads a file of at most max bytes, and when it was used last.
func readCached(name string, max int64) ([]byte, time.Time, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	size := min(info.Size(), max+1) // one that is too large is read so far, and does not match
	data := make([]byte, size)
	_, err = io.ReadFull(file, data)
	return data, info.ModTime(), err
}

// parseCached reads a file of the cache whose content has size bytes.
func parseCached(data []byte, size int64) (compressed, bool) {
	if len(data) < cacheHeader || string(data[:len(cacheMark)]) != cacheMark {
		return compressed{}, false
	}
	fields, body := data[len(cacheMark):cacheHeader], data[cacheHeader:]
	sum := sha256.Sum256(body)
	c := compressed{size: size, crc: binary.BigEndian.Uint32(fields[8:]), data: body, cached: true}
	return c, binary.BigEndian.Uint64(fields) == uint64(size) && int64(len(body)) <= size && bytes.Equal(fields[12:], sum[:])
}

// put keeps the compressed form of a file. What does not have the id that it is to be found by is not kept, and neither is
// anything once a file could not be written.
func (c *Cache) put(f entry, content []byte, body compressed) {
	size := onDisk(int64(cacheHeader + len(body.data)))
	if !c.serves(f) || c.failed.Load() || size > c.max/2 || blobID(content, len(f.id)) != f.id {
		return
	}
	if c.since.Load()+size > c.slack() {
		c.tidy(size)
	}
	header := make([]byte, 0, cacheHeader)
	header = append(header, cacheMark...)
	header = binary.BigEndian.AppendUint64(header, uint64(body.size))
	header = binary.BigEndian.AppendUint32(header, body.crc)
	sum := sha256.Sum256(body.data)
	header = append(header, sum[:]...)
	if err := c.write(c.file(f.id), header, body.data); err != nil {
		c.failed.Store(true)
		return
	}
	c.since.Add(size)
}

// slack is how many bytes may be written until the files are counted again: other programs write, too.
func (c *Cache) slack() int64 { return c.max / 16 }

// write makes a file that is there as a whole or not at all.
func (c *Cache) write(name string, parts ...[]byte) error {
	file, err := os.CreateTemp(c.dir, incomingFile)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err == nil {
			_, err = file.Write(part)
		}
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		now := c.now()
		_ = os.Chtimes(file.Name(), now, now)
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

func onDisk(size int64) int64 { return (size + blockSize - 1) / blockSize * blockSize }

// kept is a file of the cache.
type kept struct {
	name string
	size int64
	used time.Time
}

// settle ends a build: where this program has written files, it counts them for the first time.
func (c *Cache) settle() {
	if c != nil && c.since.Load() > 0 && !c.counted.Load() {
		c.tidy(0)
	}
}

// tidy removes the files that were not used for longest while there are more than the cache may take, with so many bytes
// more to come, and those that may be written until the next time.
func (c *Cache) tidy(coming int64) {
	c.tidying.Lock()
	defer c.tidying.Unlock()
	files, total := c.list()
	slices.SortFunc(files, func(a, b kept) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.name, b.name)) })
	for _, f := range files {
		if total+coming+c.slack() <= c.max {
			break
		}
		if os.Remove(filepath.Join(c.dir, f.name)) == nil {
			total -= f.size
		}
	}
	c.counted.Store(true)
	c.since.Store(0)
}

// list returns the files of the cache, and removes those that a killed program did not finish.
func (c *Cache) list() (files []kept, total int64) {
	entries, _ := os.ReadDir(c.dir)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		name := entry.Name()
		if strings.HasPrefix(name, incomingFile) {
			if c.now().Sub(info.ModTime()) > touchAfter {
				_ = os.Remove(filepath.Join(c.dir, name))
			}
			continue
		}
		files = append(files, kept{name, onDisk(info.Size()), info.ModTime()})
		total += onDisk(info.Size())
	}
	return files, total
}
