package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// forest is a tree of files that are like source: so many, so large each, and deflated to
// somewhat more than a third.
type forest struct{ files, size int }

// plant writes the tree below dir; the same one each time.
func (t forest) plant(dir string) error {
	random := rand.New(rand.NewPCG(1, 2))
	words := vocabulary(random)
	for n := range t.files {
		text := make([]byte, 0, t.size+16)
		for len(text) < t.size {
			text = append(text, words[int(random.ExpFloat64()*300)%len(words)]...)
			text = append(text, " \n(.,;)="[random.IntN(8)])
		}
		file := filepath.Join(dir, fmt.Sprintf("module%03d", n/50), fmt.Sprintf("file%05d.py", n))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, text, 0o600)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "index.py"), []byte("def handler(event, context):\n    return 'first'\n"), 0o600)
}

// vocabulary makes the words of the files.
func vocabulary(random *rand.Rand) [][]byte {
	words := make([][]byte, 4000)
	for i := range words {
		word := make([]byte, 3+random.IntN(8))
		for j := range word {
			word[j] = byte('a' + random.IntN(26))
		}
		words[i] = word
	}
	return words
}
