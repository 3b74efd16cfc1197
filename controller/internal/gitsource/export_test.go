package gitsource

import (
	"context"
	"io"
)

// CheckPack is for the tests of packs, with the defaults where max is zero.
func CheckPack(ctx context.Context, pack io.ReaderAt, size int64, max Limits) error {
	return checkPack(ctx, pack, size, max.withDefaults())
}

// IndexPack is for the tests of packs. It returns how many objects there are.
func IndexPack(ctx context.Context, pack io.ReadSeeker) (int64, error) {
	index, err := indexPack(ctx, pack)
	if err != nil {
		return 0, err
	}
	return index.Count()
}
