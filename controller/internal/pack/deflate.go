package pack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/klauspost/compress/flate"
)

// level is the Deflate level of every entry.
const level = 6

// compressed is the content of a file as it stands in a package: stored where Deflate would not make it smaller.
type compressed struct {
	size   int64  // of the content
	crc    uint32 // of the content
	data   []byte // as many bytes as the content has if it is stored, else fewer
	cached bool   // it comes from a cache
}

func (c compressed) method() uint16 {
	if int64(len(c.data)) < c.size {
		return zip.Deflate
	}
	return zip.Store
}

// outcome is what a worker made of a file.
type outcome struct {
	body compressed
	err  error
}

// task is a file on its way through the workers.
type task struct {
	file entry
	done chan outcome // takes one
}

// compressAll compresses the files with so many workers as b says and hands each to take, in the order of files, whichever
// is compressed first. It returns the first error in that order, when no worker is running any more.
func compressAll(tree fs.FS, files []entry, b Builder, take func(entry, compressed) error) error {
	workers := max(1, min(b.Workers, len(files)))
	tasks := make(chan task, 2*workers)
	running := make(chan struct{}, workers)
	for range workers {
		go func() {
			c := &compressor{tree: tree, cache: b.Cache}
			for t := range tasks {
				body, err := c.compress(t.file)
				t.done <- outcome{body, err}
			}
			running <- struct{}{}
		}()
	}
	defer func() {
		close(tasks)
		for range workers {
			<-running
		}
	}()
	var waiting []task // in the order of files
	var underWay int64
	for len(files) > 0 || len(waiting) > 0 {
		for len(files) > 0 && len(waiting) < cap(tasks) && (len(waiting) == 0 || underWay+files[0].size <= maxUnderWay) {
			next := task{files[0], make(chan outcome, 1)}
			files, waiting = files[1:], append(waiting, next)
			underWay += next.file.size
			tasks <- next
		}
		first := waiting[0]
		waiting = waiting[1:]
		underWay -= first.file.size
		made := <-first.done
		if made.err != nil {
			return fmt.Errorf("pack %s: %w", first.file.path, made.err)
		}
		if err := take(first.file, made.body); err != nil {
			return err
		}
	}
	return nil
}

// compressor compresses one file after the other.
type compressor struct {
	tree   fs.FS
	cache  *Cache
	writer *flate.Writer // made when it is needed first
	out    bytes.Buffer
	check  *verifier // of what comes from the cache; made when it is needed first
}

// compress returns the content of a file, from the cache if it is there.
func (c *compressor) compress(f entry) (compressed, error) {
	if c.cache != nil && f.id != "" && c.check == nil {
		c.check = newVerifier()
	}
	if body, ok := c.cache.get(f, c.check); ok {
		return body, nil
	}
	data, err := content(c.tree, f)
	if err != nil {
		return compressed{}, err
	}
	body, err := c.deflate(data)
	if err == nil {
		c.cache.put(f, data, body)
	}
	return body, err
}

// deflate returns the smaller of data and its Deflate form.
func (c *compressor) deflate(data []byte) (compressed, error) {
	body := compressed{size: int64(len(data)), crc: crc32.ChecksumIEEE(data), data: data}
	c.out.Reset()
	if c.writer == nil {
		var err error
		if c.writer, err = flate.NewWriter(&c.out, level); err != nil {
			return compressed{}, err
		}
	}
	c.writer.Reset(&c.out)
	if _, err := c.writer.Write(data); err != nil {
		return compressed{}, err
	}
	if err := c.writer.Close(); err != nil {
		return compressed{}, err
	}
	if c.out.Len() < len(data) {
		body.data = bytes.Clone(c.out.Bytes())
	}
	return body, nil
}

// content returns a file's content. A file of the tree has to have the size that it was listed with, so that the limits
// which that size passed hold.
func content(tree fs.FS, f entry) ([]byte, error) {
	if !f.tree {
		return f.data, nil
	}
	file, err := tree.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := bytes.NewBuffer(make([]byte, 0, f.size+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(file, f.size+1)); err != nil {
		return nil, err
	}
	if int64(data.Len()) != f.size {
		return nil, fmt.Errorf("its size is no longer the %d bytes that were listed; it changed meanwhile, try again", f.size)
	}
	return data.Bytes(), nil
}
