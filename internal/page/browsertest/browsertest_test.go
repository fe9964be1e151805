//go:build unix

package browsertest

import (
	"strings"
	"testing"
)

// TestProblemsAreSeen: each thing that a reader would trip over is found, so that a page without problems has none of them.
func TestProblemsAreSeen(t *testing.T) {
	const style = `<style>:root{color-scheme:light dark}body{margin:0;background:#fff;color:#111}</style>`
	seen := Windows(t, style+`<p>good</p><p style="color:#999">pale</p>`+
		`<div style="width:900px;background:#eee">wide</div>`+
		`<svg viewBox="0 0 100 50" width="100" height="50"><text x="90" y="20" font-size="12">outside</text>`+
		`<text x="2" y="40" font-size="12">one</text><text x="4" y="40" font-size="12">two</text>`+
		`<text x="2" y="10" font-size="4">tiny</text></svg>`+
		`<div class="charts" style="display:grid;grid-template-columns:1fr 1fr"><p>left</p><p>right</p><p>last</p></div>`+
		`<img src="/elsewhere.png" alt="">`)
	if len(seen) != 4 {
		t.Fatalf("%d windows", len(seen))
	}
	all := func(s Seen) string { return strings.Join(s.Problems, "\n") }
	for _, s := range seen {
		for _, want := range []string{`p "pale" has a contrast of 2.8`, `text "outside" is cut off by its chart`, `text "two" is on text "one"`,
			`text "tiny" is `, `beside p "last" a gap of `} {
			if !strings.Contains(all(s), want) {
				t.Errorf("width %d, dark %v: want %q in\n%s", s.Width, s.Dark, want, all(s))
			}
		}
		wide := strings.Contains(all(s), "the page is 900 wide in a window of 390") &&
			strings.Contains(all(s), `div "wide" is cut off by the window`)
		if wide != (s.Width == Phone) {
			t.Errorf("width %d: wide %v\n%s", s.Width, wide, all(s))
		}
		if strings.Contains(all(s), `beside p "right"`) {
			t.Errorf("width %d: a row without a gap\n%s", s.Width, all(s))
		}
		if strings.Contains(all(s), `"good"`) || strings.Contains(all(s), "the window is") || !strings.Contains(s.Text, "good") {
			t.Errorf("width %d, dark %v: %q\n%s", s.Width, s.Dark, s.Text, all(s))
		}
	}
	for _, i := range []int{0, 2} { // the first of each browser
		if !strings.Contains(all(seen[i]), "/elsewhere.png") {
			t.Errorf("a picture from elsewhere: %s", all(seen[i]))
		}
	}
	if seen[0].Dark || !seen[2].Dark {
		t.Errorf("%v %v", seen[0].Dark, seen[2].Dark)
	}
}
