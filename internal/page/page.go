// Package page is the look of the HTML pages that ingest writes and serves:
// one style sheet, light and dark, and the formats of numbers and times. A page
// needs no script, and nothing from elsewhere.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Policy forbids a page to load or run anything but its own style. It holds in a file too, as a <meta>.
const Policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

// Light and Dark are the colours of a page and of its charts, as CSS properties. Text on the page's
// colours has a contrast of at least 4.5.
const (
	Light = "--back:#fff;--card:#f6f8fa;--ink:#1f2328;--soft:#57606a;--line:#d0d7de;--link:#0757ba;" +
		"--good:#1a6b32;--warn:#855400;--bad:#b3201d;" +
		"--s1:#0757ba;--s2:#c2570c;--s3:#1a7f4b;--s4:#8250df;--s5:#b3306f;--s6:#57606a;"
	Dark = "--back:#0d1117;--card:#161b22;--ink:#e6edf3;--soft:#9da7b3;--line:#3d444d;--link:#6cb6ff;" +
		"--good:#57c97a;--warn:#e0a83a;--bad:#ff8078;" +
		"--s1:#6cb6ff;--s2:#f0904a;--s3:#57c97a;--s4:#b794f6;--s5:#f47fb4;--s6:#9da7b3;"
)

//go:embed page.css
var sheet string

// CSS is the style sheet.
func CSS() template.CSS {
	return template.CSS(":root{color-scheme:light dark;" + Light + "}\n@media (prefers-color-scheme:dark){:root{" + Dark + "}}\n" +
		"@media print{:root{" + Light + "}}\n" + sheet) //nolint:gosec // constants of this package
}

// Funcs are the functions of templates.
var Funcs = template.FuncMap{
	"css":     CSS,
	"policy":  func() string { return Policy },
	"count":   Count[int64],
	"counti":  Count[int],
	"bytes":   func(n int64) string { return humanize.Bytes(uint64(max(n, 0))) },
	"time":    Time,
	"anchor":  Anchor,
	"plural":  Plural,
	"plurali": func(n int, noun string) string { return Plural(int64(n), noun) },
	"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// Count is 1,234,567.
func Count[N int | int64](n N) string { return humanize.Comma(int64(n)) }

// Time is a moment in UTC, to the second.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// Plural is a number with its noun: 1 row, 2 rows.
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "ry"); ok {
		return Count(n) + " " + stem + "ries"
	}
	return Count(n) + " " + noun + "s"
}

// Anchor is a fragment's name for any text. Different texts have different names.
func Anchor(text string) string {
	var b strings.Builder
	b.WriteString("t-")
	for _, r := range text {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "-%x-", r)
		}
	}
	return b.String()
}
