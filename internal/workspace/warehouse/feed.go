//go:build cgo

package warehouse

import "strings"

// feeds reports whether a table keeps a change data feed.
func feeds(m *metaTable) bool {
	return strings.EqualFold(m.properties["delta.enableChangeDataFeed"], "true")
}
