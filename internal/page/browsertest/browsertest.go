//go:build unix

// Package browsertest looks at HTML pages with Chromium, without a window. The
// page is shown at the widths of a desk and of a phone, light and dark, and a
// script outside of the page measures what is drawn.
package browsertest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a browser may take on a busy machine.
const patience = 5 * time.Minute

// Widths of the windows, in CSS pixels.
const (
	Desk  = 1280
	Phone = 390
)

// Seen is what a window showed.
type Seen struct {
	Width int    `json:"width"`
	Dark  bool   `json:"dark"`
	Text  string `json:"text"` // of the whole page, as it is rendered
	// Texts of drawings, and how many drawings there are.
	Labels []string `json:"labels"`
	Charts int      `json:"charts"`
	// Problems are what a reader would trip over: text that is cut off, on other text, or hard to read; a page that is
	// wider than its window; something that the page wanted from elsewhere.
	Problems []string `json:"problems"`
}

//go:embed look.html
var look string

// Look opens a page in all windows. It fails the test if there is no browser, or if the page has a problem.
func Look(t *testing.T, html string) []Seen {
	t.Helper()
	all := Windows(t, html)
	for _, s := range all {
		if len(s.Problems) > 0 {
			t.Errorf("at a width of %d, dark %v:\n%s", s.Width, s.Dark, strings.Join(s.Problems, "\n"))
		}
	}
	return all
}

// Windows opens a page in all windows, light and then dark, each at the widths of a desk and of a phone.
func Windows(t *testing.T, html string) (all []Seen) {
	t.Helper()
	for _, dark := range []bool{false, true} {
		all = append(all, shown(t, html, dark)...)
	}
	return all
}

// shown starts the browser once.
func shown(t *testing.T, html string, dark bool) []Seen {
	t.Helper()
	text, err := json.Marshal(map[string]any{"html": html, "widths": []int{Desk, Phone}, "dark": dark})
	if err != nil {
		t.Fatal(err)
	}
	results, asked := make(chan []Seen, 1), make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			// JSON has no "<" in strings, so that it cannot end the script.
			_, _ = fmt.Fprint(w, strings.Replace(look, "PAGE", string(text), 1))
		case r.Method == http.MethodPost && r.URL.Path == "/seen":
			var seen []Seen
			if err := json.NewDecoder(r.Body).Decode(&seen); err != nil {
				t.Error(err)
			}
			select {
			case results <- seen:
			default: // only the first counts
			}
		case r.URL.Path == "/favicon.ico": // the browser's own
			http.NotFound(w, r)
		default:
			asked <- r.URL.String()
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	stderr, ended, stop := start(t, server.URL, dark)
	defer stop()
	select {
	case seen := <-results:
		server.Close() // waits for requests
		close(asked)
		for url := range asked {
			seen[0].Problems = append(seen[0].Problems, "the page asked for "+url)
		}
		return seen
	case err := <-ended:
		t.Fatalf("the browser ended: %v\n%s", err, stderr())
	case <-time.After(patience):
		stop()
		t.Fatalf("the browser showed nothing in %s\n%s", patience, stderr())
	}
	return nil
}

// start runs the browser until stop is called.
func start(t *testing.T, url string, dark bool) (stderr func() string, ended <-chan error, stop func()) {
	t.Helper()
	scheme := "1"
	if dark {
		scheme = "0"
	}
	// Its children may write there until they have ended, so that no test fails by what is left.
	profile, err := os.MkdirTemp("", "ingest-browser-") //nolint:usetesting // t.TempDir fails by what is left
	if err != nil {
		t.Fatal(err)
	}
	// The sandbox needs a user namespace, or not to be root. The page is our own.
	command := exec.Command(Find(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-extensions", "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir="+profile,
		"--window-size=1400,900", "--blink-settings=preferredColorScheme="+scheme, url)
	var output bytes.Buffer
	command.Stderr = &output
	command.WaitDelay = 10 * time.Second // its children hold standard error
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	done, gone := make(chan error, 1), make(chan struct{})
	go func() {
		done <- command.Wait()
		close(gone)
	}()
	stop = sync.OnceFunc(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // the children, too
		<-gone
		_ = os.RemoveAll(profile)
	})
	return func() string { <-gone; return output.String() }, done, stop
}

// Find gives the path of the browser. scripts/need-chromium installs one.
func Find(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("INGEST_TEST_CHROMIUM"); name != "" {
		return name
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	t.Fatal("no Chromium was found: run scripts/need-chromium, or name one in INGEST_TEST_CHROMIUM")
	return ""
}
