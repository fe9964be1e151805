package ledger

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// NumberedName is the name of file n of a directory whose files are numbered from
// 1. Names sort as their numbers do.
func NumberedName(dir string, n int64) string { return fmt.Sprintf("%s/%020d.json", dir, n) }

// Numbered lists the numbers of the files that have such names, in order. Others
// are left out.
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

// numberOf is the number of a file; false of another name than a numbered one.
func numberOf(name string) (int64, bool) {
	n, _ := strconv.ParseInt(strings.TrimSuffix(path.Base(name), ".json"), 10, 64) // what is no number is 0, or has another name
	return n, n > 0 && path.Base(name) == path.Base(NumberedName("", n))
}
