package lambda

import (
	"encoding/base64"
	"net/url"
	"strconv"
)

// maxPage is the most that a list answers at once, whatever MaxItems says.
const maxPage = 50

// page cuts one page out of items, which are sorted by key: what comes after the query's Marker, at most MaxItems. next is the
// marker of the page after it, "" when this one is the last.
func page[T any](query url.Values, items []T, key func(T) string) (cut []T, next string, err error) {
	limit, err := maxItems(query)
	if err != nil {
		return nil, "", err
	}
	after, err := base64.RawURLEncoding.DecodeString(query.Get("Marker"))
	if err != nil {
		return nil, "", invalidParameter("Invalid pagination marker")
	}
	cut = []T{}
	for _, item := range items {
		if len(after) > 0 && key(item) <= string(after) {
			continue
		}
		if len(cut) == limit {
			return cut, base64.RawURLEncoding.EncodeToString([]byte(key(cut[limit-1]))), nil
		}
		cut = append(cut, item)
	}
	return cut, "", nil
}

func maxItems(query url.Values) (int, error) {
	if !query.Has("MaxItems") {
		return maxPage, nil
	}
	items, err := strconv.Atoi(query.Get("MaxItems"))
	if err != nil {
		return 0, validation("MaxItems is not a number")
	}
	var broken violations
	broken.between(&items, "maxItems", 1, 10000)
	return min(items, maxPage), broken.err()
}
