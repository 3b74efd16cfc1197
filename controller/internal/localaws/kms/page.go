package kms

import "encoding/base64"

// pageEnd ends every answer that is a page of a list.
type pageEnd struct {
	NextMarker string `json:",omitempty"`
	Truncated  bool
}

// page cuts one page out of items, which are sorted by key: what comes after in.Marker, as many as in.Limit says and no more
// than most, or usual when it says nothing. A marker is the last key of the page before.
func page[T any](in listInput, usual, most int, items []T, key func(T) string) (cut []T, end pageEnd, err error) {
	if err := between("limit", in.Limit, 1, 1000); err != nil {
		return nil, pageEnd{}, err
	}
	limit := usual
	if in.Limit != nil {
		limit = min(*in.Limit, most)
	}
	after, err := base64.RawURLEncoding.DecodeString(in.Marker)
	if err != nil {
		return nil, pageEnd{}, invalid("InvalidMarkerException", "Could not deserialize marker '%s'", in.Marker)
	}
	cut = []T{}
	for _, item := range items {
		if in.Marker != "" && key(item) <= string(after) {
			continue
		}
		if len(cut) == limit {
			last := base64.RawURLEncoding.EncodeToString([]byte(key(cut[limit-1])))
			return cut, pageEnd{NextMarker: last, Truncated: true}, nil
		}
		cut = append(cut, item)
	}
	return cut, pageEnd{}, nil
}
