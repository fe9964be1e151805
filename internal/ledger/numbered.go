package ledger

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// NumberedName returns the name of file n in a directory whose files are
// numbered from 1. Names sort like their numbers.
func NumberedName(dir string, n int64) string { return fmt.Sprintf("%s/%020d.json", dir, n) }

// Numbered lists the numbers of the numbered files among the names, in order.
// It ignores other names.
func Numbered(names []string) []int64 {
	var numbers []int64
	for _, name := range names {
		if n, ok := numberOf(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// numberOf returns the number in a file's name, and false if the name is not a
// numbered one.
func numberOf(name string) (int64, bool) {
	n, _ := strconv.ParseInt(strings.TrimSuffix(path.Base(name), ".json"), 10, 64) // anything else gives 0 or fails the comparison
	return n, n > 0 && path.Base(name) == path.Base(NumberedName("", n))
}
