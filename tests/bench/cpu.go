//go:build cgo && linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpu is the time that the server's processes have used so far, those that
// have ended included: their parent counts them.
func (s *source) cpu() (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		// The name in parentheses may hold anything.
		text := string(data)
		fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			return 0, err
		}
		last := 13 // utime, stime
		if pid == s.server.PID() {
			last = 15 // and those of children that were waited for
		} else if fields[1] != strconv.Itoa(s.server.PID()) {
			continue
		}
		for _, field := range fields[11:last] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", path, err)
			}
			ticks += n
		}
	}
	const perSecond = 100 // USER_HZ, which is 100 on every Linux that Go runs on
	return time.Duration(ticks) * time.Second / perSecond, nil
}
