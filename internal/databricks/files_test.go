package databricks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ingest-tool/ingest/internal/databricks"
	"github.com/ingest-tool/ingest/internal/failure"
)

const root = "/Volumes/main/bronze/ingest/p/"

var ctx = context.Background()

func TestCreateIfAbsent(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	if err := files.Create(ctx, "ledger/1.json", []byte("one")); err != nil {
		t.Fatal(err)
	}
	err := files.Create(ctx, "ledger/1.json", []byte("two"))
	if !errors.Is(err, fs.ErrExist) || databricks.OutcomeUnknown(err) {
		t.Errorf("error %v, want fs.ErrExist of known outcome", err)
	}
	if got, _ := f.content(root + "ledger/1.json"); got != "one" {
		t.Errorf("the file holds %q: it was overwritten", got)
	}
	if data, err := files.Read(ctx, "ledger/1.json"); string(data) != "one" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
}

// TestCreateWithLostAnswer: the file is stored, but the answer is an error or
// missing. Create must not report a refusal.
func TestCreateWithLostAnswer(t *testing.T) {
	for name, lose := range map[string]func(rw http.ResponseWriter){
		"500":        func(rw http.ResponseWriter) { refusal(rw, 500, "INTERNAL_ERROR", "sorry") },
		"connection": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			files := f.open().Files()
			f.breakWith(func(rw http.ResponseWriter, r *http.Request, _ func()) bool {
				body, _ := io.ReadAll(r.Body)
				f.put(strings.TrimPrefix(r.URL.Path, "/api/2.0/fs/files"), string(body))
				lose(rw)
				return true
			})
			err := files.Create(ctx, "ledger/1.json", []byte("one"))
			if !databricks.OutcomeUnknown(err) || errors.Is(err, fs.ErrExist) {
				t.Errorf("error %v, want one of unknown outcome", err)
			}
			if n := len(f.sent()); n != 1 {
				t.Errorf("%d requests, want 1: the caller decides", n)
			}
			f.breakWith(nil)
			if data, err := files.Read(ctx, "ledger/1.json"); string(data) != "one" || err != nil {
				t.Errorf("read %q, %v", data, err)
			}
		})
	}
}

func TestAbortedCreateIsNotTakenForAnExistingFile(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	f.breakWith(func(rw http.ResponseWriter, _ *http.Request, _ func()) bool {
		refusal(rw, 409, "ABORTED", "concurrent request")
		return true
	})
	err := files.Create(ctx, "ledger/1.json", nil)
	if errors.Is(err, fs.ErrExist) || !databricks.OutcomeUnknown(err) {
		t.Errorf("%v: want an unknown outcome", err)
	}
}

// TestUploadIsRepeated: an upload succeeds whatever happens to its first
// attempts. The bytes are complete and the body stays open.
func TestUploadIsRepeated(t *testing.T) {
	content := strings.Repeat("segment ", 100_000)
	for name, fault := range map[string]func(f *fake, rw http.ResponseWriter, r *http.Request){
		"429":                     func(_ *fake, rw http.ResponseWriter, _ *http.Request) { refusal(rw, 429, "RESOURCE_EXHAUSTED", "slow") },
		"503 after half the body": func(_ *fake, rw http.ResponseWriter, r *http.Request) { half(r); refusal(rw, 503, "", "busy") },
		"cut after half the body": func(_ *fake, _ http.ResponseWriter, r *http.Request) { half(r); panic(http.ErrAbortHandler) },
		"502":                     func(_ *fake, rw http.ResponseWriter, _ *http.Request) { refusal(rw, 502, "", "gateway") },
		"stored, answer lost": func(f *fake, _ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			f.put(strings.TrimPrefix(r.URL.Path, "/api/2.0/fs/files"), string(body))
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			files := f.open().Files()
			var broken atomic.Bool
			f.breakWith(func(rw http.ResponseWriter, r *http.Request, _ func()) bool {
				if r.Method != http.MethodPut || broken.Swap(true) {
					return false
				}
				fault(f, rw, r)
				return true
			})
			body := &closable{Reader: strings.NewReader(content)}
			if err := files.Upload(ctx, "segments/r/1.parquet", body, int64(len(content))); err != nil {
				t.Fatal(err)
			}
			if got, _ := f.content(root + "segments/r/1.parquet"); got != content {
				t.Errorf("%d bytes arrived, want %d", len(got), len(content))
			}
			if body.closed {
				t.Error("the body was closed")
			}
		})
	}
}

func half(r *http.Request) { _, _ = io.CopyN(io.Discard, r.Body, 400_000) }

type closable struct {
	*strings.Reader
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

func TestUploadSendsItsLength(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	var length int64
	f.breakWith(func(_ http.ResponseWriter, r *http.Request, _ func()) bool {
		length = r.ContentLength
		return false
	})
	if err := files.Upload(ctx, "x", strings.NewReader("12345"), 5); err != nil {
		t.Fatal(err)
	}
	if length != 5 {
		t.Errorf("Content-Length %d, want 5", length)
	}
}

func TestUploadOverAnotherFile(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	f.put(root+"x", "other")
	err := files.Upload(ctx, "x", strings.NewReader("12345678"), 8)
	if err == nil || !strings.Contains(err.Error(), "already a file of 5 bytes") {
		t.Errorf("error %v", err)
	}
}

func TestUploadGivesUp(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	f.breakWith(func(rw http.ResponseWriter, _ *http.Request, _ func()) bool {
		refusal(rw, 500, "INTERNAL_ERROR", "sorry")
		return true
	})
	err := files.Upload(ctx, "x", strings.NewReader("1"), 1)
	if err == nil || !databricks.OutcomeUnknown(err) || len(f.sent()) != 4 {
		t.Errorf("error %v after %d requests, want one after 4", err, len(f.sent()))
	}
	if err := files.Upload(ctx, "x", strings.NewReader("1"), databricks.MaxFileBytes+1); err == nil || databricks.OutcomeUnknown(err) {
		t.Errorf("a file of more than 5 GiB: %v", err)
	}
}

func TestDirectoriesAreMadeWhereTheServiceDoesNot(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	f.dirs = map[string]bool{}
	if err := files.Upload(ctx, "segments/r/1.parquet", strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	if err := files.Create(ctx, "ledger/1.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
}

func TestReplace(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	for _, content := range []string{"one", "two"} {
		if err := files.Replace(ctx, "loads/1.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := f.content(root + "loads/1.json"); got != "two" {
		t.Errorf("the file holds %q, want two", got)
	}
}

func TestReadsAreRepeated(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	f.put(root+"a", strings.Repeat("x", 1000))
	var broken atomic.Int32
	f.breakWith(func(rw http.ResponseWriter, _ *http.Request, _ func()) bool {
		switch broken.Add(1) {
		case 1:
			rw.Header().Set("Content-Length", "1000")
			_, _ = rw.Write(bytes.Repeat([]byte("x"), 500))
			panic(http.ErrAbortHandler)
		case 2:
			refusal(rw, 500, "INTERNAL_ERROR", "sorry")
			return true
		}
		return false
	})
	data, err := files.Read(ctx, "a")
	if len(data) != 1000 || err != nil {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestMissingFiles(t *testing.T) {
	files := newFake(t).open().Files()
	if _, err := files.Read(ctx, "no"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), root+"no") {
		t.Errorf("read: %v", err)
	}
	if _, err := files.Stat(ctx, "no"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat: %v", err)
	}
	if err := files.Delete(ctx, "no"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if got, err := files.List(ctx, "no"); len(got) != 0 || err != nil {
		t.Errorf("list: %v, %v", got, err)
	}
}

func TestListing(t *testing.T) {
	f := newFake(t)
	f.pageSize = 2
	files := f.open().Files()
	for i := range 5 {
		f.put(fmt.Sprintf("%sd/%d ü%%.json", root, i), "12345")
	}
	f.put(root+"d/sub/deep/x", "1")
	modified := time.Date(2015, 10, 21, 7, 28, 0, 0, time.UTC)

	got, err := files.List(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	var want []databricks.FileInfo
	for i := range 5 {
		want = append(want, databricks.FileInfo{Name: fmt.Sprintf("d/%d ü%%.json", i), Bytes: 5, Modified: modified})
	}
	all := append(want[:5:5], databricks.FileInfo{Name: "d/sub/deep/x", Bytes: 1, Modified: modified})
	want = append(want, databricks.FileInfo{Name: "d/sub", Dir: true, Modified: time.UnixMilli(0).UTC()})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	got, err = files.ListAll(ctx, "")
	if diff := cmp.Diff(all, got); diff != "" || err != nil {
		t.Errorf("ListAll: %v (-want +got):\n%s", err, diff)
	}
	names, err := files.Names(ctx, "d/sub/deep")
	if diff := cmp.Diff([]string{"x"}, names); diff != "" || err != nil {
		t.Errorf("Names: %v (-want +got):\n%s", err, diff)
	}
	info, err := files.Stat(ctx, "d/1 ü%.json")
	if diff := cmp.Diff(databricks.FileInfo{Name: "d/1 ü%.json", Bytes: 5, Modified: modified}, info); diff != "" || err != nil {
		t.Errorf("Stat: %v (-want +got):\n%s", err, diff)
	}
	if err := files.DeleteDir(ctx, "d"); err != nil {
		t.Fatal(err)
	}
	if got, err := files.ListAll(ctx, ""); len(got) != 0 || err != nil {
		t.Errorf("after DeleteDir: %v, %v", got, err)
	}
}

func TestNamesThatLeaveTheVolumeAreRefused(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	for _, name := range []string{"", ".", "..", "/a", "a/", "a//b", "a/../b", "./a", "a\x00"} {
		if err := files.Create(ctx, name, nil); err == nil || databricks.OutcomeUnknown(err) {
			t.Errorf("Create(%q): %v", name, err)
		}
		if _, err := files.Read(ctx, name); err == nil {
			t.Errorf("Read(%q) has no error", name)
		}
	}
	if sent := f.sent(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}

func TestErrorOfAnExpiredToken(t *testing.T) {
	f := newFake(t)
	files := f.open().Files()
	f.breakWith(func(rw http.ResponseWriter, _ *http.Request, _ func()) bool {
		refusal(rw, 401, "UNAUTHENTICATED", "token "+fakeToken+" has expired")
		return true
	})
	_, err := files.Read(ctx, "x")
	if err == nil || strings.Contains(err.Error(), fakeToken) || !strings.Contains(failure.HintOf(err), "service principal") {
		t.Errorf("error %v, hint %q", err, failure.HintOf(err))
	}
}
