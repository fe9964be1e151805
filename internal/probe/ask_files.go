package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ingest-tool/ingest/internal/databricks"
)

// askCreateAbsent writes a file twice.
func askCreateAbsent(ctx context.Context, s *scratch) (seen, error) {
	name := s.dir() + "/00000000000000000001.json"
	if err := s.files().Create(ctx, name, []byte("first")); err != nil {
		return seen{}, err
	}
	again := s.files().Create(ctx, name, []byte("second"))
	if again != nil && !errors.Is(again, fs.ErrExist) {
		return seen{}, again
	}
	kept, err := s.files().Read(ctx, name)
	switch {
	case err != nil:
		return seen{}, err
	case again == nil:
		return wrong("the second upload succeeded, and the file holds %q", kept)
	case string(kept) != "first":
		return wrong("the second upload was refused, and the file holds %q", kept)
	}
	return fits("the second upload is refused, and the file is the first")
}

// Rounds and writers of the race.
const (
	rounds  = 6
	writers = 4
)

// askCreateRace lets several writers create the same file at the same time.
func askCreateRace(ctx context.Context, s *scratch) (seen, error) {
	several, none := 0, 0
	for round := range rounds {
		name := fmt.Sprintf("%s/%020d.json", s.dir(), round+1)
		winners, err := raced(ctx, s.files(), name)
		if err != nil {
			return seen{}, err
		}
		switch {
		case winners > 1:
			several++
		case winners == 0:
			none++
		}
	}
	switch {
	case several > 0:
		return other("in %d of %d rounds more than one of %d writers heard that it created the file", several, rounds, writers)
	case none > 0:
		return other("in %d of %d rounds none of %d writers created the file", none, rounds, writers)
	}
	return fits("one of %d writers created the file, in each of %d rounds", writers, rounds)
}

// raced returns how many of the writers created the file.
func raced(ctx context.Context, files *databricks.Files, name string) (int64, error) {
	var winners atomic.Int64
	errs := make([]error, writers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			<-start
			err := files.Create(ctx, name, []byte(fmt.Sprint(i)))
			if err == nil {
				winners.Add(1)
			} else if !errors.Is(err, fs.ErrExist) && !passing(err) {
				errs[i] = err
			}
		})
	}
	close(start)
	all.Wait()
	return winners.Load(), errors.Join(errs...)
}

// askReadBack reads and lists a file right after writing it and right after
// removing it.
func askReadBack(ctx context.Context, s *scratch) (seen, error) {
	for i := range 4 {
		name := fmt.Sprintf("%s/made/without/a/directory/%d", s.dir(), i)
		data := bytes.Repeat([]byte{byte(i), 0xff}, 1<<i)
		if err := s.files().Create(ctx, name, data); err != nil {
			return seen{}, err
		}
		there, err := s.files().Read(ctx, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return seen{}, err
		}
		if !bytes.Equal(there, data) {
			return wrong("a file that was written is read back as %d bytes, of %d", len(there), len(data))
		}
		listed, err := s.files().Names(ctx, s.dir()+"/made/without/a/directory")
		if err != nil {
			return seen{}, err
		}
		if len(listed) != 1 {
			return wrong("a listing shows %d files right after one was written", len(listed))
		}
		if err := s.files().Delete(ctx, name); err != nil {
			return seen{}, err
		}
		if _, err := s.files().Read(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			return wrong("a file is still there right after it was removed")
		}
	}
	return fits("written, listed and removed files are seen at once; missing directories are made")
}

// oddNames are file and directory names as runs derive them from table names,
// and some others.
var oddNames = []string{
	"public.t", "a b", "ü-é-漢字", "per%cent%20", "plus+and&equals=", "quote'and\"double", "hash#and;semicolon",
	"comma,at@", "tilde~$dollar",
}

// askFileNames writes files with odd names. It reads them back by the Files API
// and by SQL.
func askFileNames(ctx context.Context, s *scratch) (seen, error) {
	var refused []string
	for i, name := range oddNames {
		path := s.dir() + "/" + name + "/00000001.parquet"
		if err := s.ids(ctx, path, int64(i)); err != nil {
			if passing(err) {
				return seen{}, err
			}
			refused = append(refused, fmt.Sprintf("%q (upload)", name))
			continue
		}
		t := s.table(fmt.Sprint(i))
		if err := s.make(ctx, t); err != nil {
			return seen{}, err
		}
		n, err := s.copied(ctx, t, path)
		if err != nil && !databricks.Refused(err) {
			return seen{}, err
		}
		if err != nil || n != 1 {
			refused = append(refused, fmt.Sprintf("%q (COPY INTO)", name))
		}
	}
	if len(refused) > 0 {
		return other("not with %v", refused)
	}
	return fits("%d odd names are written, read and loaded", len(oddNames))
}

// clockSkew is the maximum difference between the volume's clock and the
// workspace's. Pruning keeps files for at least an hour.
const clockSkew = 5 * time.Minute

// askFileTimes compares a file's time with the workspace's clock.
func askFileTimes(ctx context.Context, s *scratch) (seen, error) {
	name := s.dir() + "/now"
	if err := s.files().Create(ctx, name, []byte("now")); err != nil {
		return seen{}, err
	}
	listed, err := s.files().List(ctx, s.dir())
	if err != nil {
		return seen{}, err
	}
	if len(listed) != 1 {
		return wrong("a listing shows %d files, want 1", len(listed))
	}
	apart := s.w.Time().Sub(listed[0].Modified).Abs().Round(time.Second)
	if apart > clockSkew {
		return wrong("a file that was just written is dated %v away from the workspace's clock", apart)
	}
	return fits("%v apart", apart)
}
