//go:build cgo

package lakehouse

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	first := start(t, Options{Dir: dir})
	_, err := Open(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second: %v; want the directory and who holds it", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, Options{Dir: dir})
}

func TestListensOnLoopbackOnly(t *testing.T) {
	dir := t.TempDir()
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0", "example.com:80", "127.0.0.1", "nonsense"} {
		if s, err := Open(t.Context(), Options{Dir: dir, Listen: address}); err == nil {
			s.Close()
			t.Errorf("%s was taken", address)
		}
	}
	s := start(t, Options{Dir: dir, Listen: "localhost:0"})
	if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
		t.Errorf("url %s", s.URL())
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, credentialsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"no directory":       {Options{}, "no directory"},
		"a file":             {Options{Dir: file}, "not a directory"},
		"short token life":   {Options{Dir: t.TempDir(), TokenTTL: time.Millisecond}, "at least a second"},
		"broken credentials": {Options{Dir: broken}, credentialsFile},
	} {
		s, err := Open(t.Context(), test.options)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	entered := make(chan struct{})
	s := start(t, Options{Intercept: func(int64, *http.Request) *Fault {
		close(entered)
		return &Fault{Delay: time.Hour}
	}})
	idle, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	answered := make(chan error)
	go func() {
		transport := &http.Transport{DisableKeepAlives: true}
		r, err := http.NewRequest(http.MethodGet, s.URL(), nil)
		if err == nil {
			var response *http.Response
			if response, err = transport.RoundTrip(r); err == nil {
				response.Body.Close()
			}
		}
		answered <- err
	}()
	<-entered
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("a request that Close ended was answered")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := net.Dial("tcp", s.listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestStatementLog(t *testing.T) {
	now := newClock()
	store, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	want := []string{"SELECT 1", "SELECT\n  'a;b'\n-- end", "", "SELECT '日本'"}
	for range 2 { // the file continues after a restart, the list starts empty
		log, err := openStatementLog(store, now.now)
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range want {
			if err := log.add(sql); err != nil {
				t.Fatal(err)
			}
		}
		got, err := log.all()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if err := log.close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := fs.ReadFile(store.root.FS(), statementsFile)
	if err != nil || strings.Count(string(text), "SELECT 1\n;\n") != 2 ||
		!strings.HasPrefix(string(text), "-- 2026-01-02T03:04:05.000Z\nSELECT 1\n") {
		t.Errorf("file %q, %v", text, err)
	}
	if _, err := store.root.Stat("../" + statementsFile); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("out of the store's root: %v; want a refusal", err)
	}
}
