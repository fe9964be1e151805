package ui

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// logInterval is how often a Progress that is not on a terminal logs.
// drawInterval is how often one on a terminal is drawn.
const (
	logInterval  = 30 * time.Second
	drawInterval = 200 * time.Millisecond
)

// Progress shows what is being worked on. On a terminal, the phases of the run
// have a line each, and below them the active items, as many as fit. Elsewhere
// each of them has a line of the log every 30 seconds. All methods may be called
// from any goroutine and do nothing on a nil *Progress.
type Progress struct {
	output *Output
	log    *slog.Logger
	now    func() time.Time

	painter *painter // nil: the log
	stop    context.CancelFunc
	done    chan struct{} // closed when the goroutine of the ticks has ended

	mu     sync.Mutex
	phases []*Phase // in the order in which they began
	active []*Item  // in the order in which they were started
	closed bool
}

// Progress begins to show progress; Close ends it, and must be called. It is
// nil if the output is quiet.
func (o *Output) Progress(log *slog.Logger) *Progress {
	if o.Quiet {
		return nil
	}
	if o.Terminal {
		return o.drawProgress(log, time.Now)
	}
	ticker := time.NewTicker(logInterval)
	p := &Progress{output: o, log: log, now: time.Now}
	p.every(ticker.C, p.logActive)
	p.stopping(ticker.Stop)
	return p
}

func (o *Output) drawProgress(log *slog.Logger, now func() time.Time) *Progress {
	ticker := time.NewTicker(drawInterval)
	p := o.drawnProgress(log, now, func() (int, int) { return sizeOf(o.terminal) }, ticker.C)
	p.stopping(ticker.Stop)
	return p
}

// drawnProgress is drawn at every tick. size is the terminal's width and height.
func (o *Output) drawnProgress(log *slog.Logger, now func() time.Time, size func() (int, int), tick <-chan time.Time) *Progress {
	p := &Progress{output: o, log: log, now: now}
	o.stderr.mu.Lock()
	p.painter = &painter{to: o.stderr.to, size: size}
	o.stderr.to = p.painter
	o.stderr.mu.Unlock()
	p.every(tick, p.draw)
	return p
}

// every calls do at each tick until Close.
func (p *Progress) every(tick <-chan time.Time, do func()) {
	ctx, cancel := context.WithCancel(context.Background())
	p.stop, p.done = cancel, make(chan struct{})
	go func() {
		defer close(p.done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick:
				do()
			}
		}
	}()
}

// stopping adds what Close does first.
func (p *Progress) stopping(first func()) {
	then := p.stop
	p.stop = func() { first(); then() }
}

// Start begins an item that belongs to no phase. expectedRows is an estimate; 0
// or less means that none is known, and no share and no time left are shown.
func (p *Progress) Start(name string, expectedRows int64) *Item {
	if p == nil {
		return nil
	}
	return p.start(&Item{name: Plain(name), expected: expectedRows})
}

func (p *Progress) start(item *Item) *Item {
	item.progress, item.began = p, p.now()
	item.rate.add(item.began, 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.active = append(p.active, item)
	}
	return item
}

// Close removes the lines from the terminal and waits until nothing is drawn or
// logged any more. A second call does nothing.
func (p *Progress) Close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	closed := p.closed
	p.active, p.phases, p.closed = nil, nil, true
	p.mu.Unlock()
	if closed {
		return
	}
	p.stop()
	<-p.done
	if p.painter == nil {
		return
	}
	// A line of the log waits for the relay until the lines are gone.
	p.output.stderr.mu.Lock()
	defer p.output.stderr.mu.Unlock()
	p.painter.end()
	p.output.stderr.to = p.painter.to
}

func (p *Progress) remove(item *Item) {
	p.mu.Lock()
	found := false
	for i, other := range p.active {
		if other == item {
			p.active = append(p.active[:i:i], p.active[i+1:]...)
			found = true
			break
		}
	}
	p.mu.Unlock()
	if found && item.phase != nil {
		item.phase.count(item)
	}
}

// shown returns the phases and the active items.
func (p *Progress) shown() ([]*Phase, []*Item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.phases, p.active
}

func (p *Progress) logActive() {
	phases, items := p.shown()
	for _, ph := range phases {
		p.logPhase(ph, ph.look(items))
	}
	for _, item := range items {
		s := item.look()
		attrs := []any{"item", item.name, "rows", s.rows, "rows_per_second", int64(s.rate), "bytes", s.bytes}
		if share, ok := s.share(); ok {
			attrs = append(attrs, "share", rounded(share))
		}
		if left, ok := s.left(); ok {
			attrs = append(attrs, "left", Duration(left).String())
		}
		p.log.Info("progress", attrs...)
	}
}

func (p *Progress) logPhase(ph *Phase, o outlook) {
	ph.mu.Lock()
	last, quiet := ph.logged, ph.quiet
	ph.logged = o
	ph.mu.Unlock()
	if quiet && last.title == o.title && last.rows == o.rows && last.done == o.done && last.note == o.note {
		return
	}
	attrs := []any{"phase", o.title}
	if o.note != "" {
		attrs = append(attrs, "note", o.note)
	}
	if o.tables > 0 {
		attrs = append(attrs, "done", o.done, "tables", o.tables)
	}
	attrs = append(attrs, "rows", o.rows, "bytes", o.bytes)
	if o.shared {
		attrs = append(attrs, "share", rounded(o.share))
	}
	if o.leaving {
		attrs = append(attrs, "left", Duration(o.left).String())
	}
	p.log.Info("progress", append(attrs, "elapsed", Duration(o.elapsed).String())...)
}

// rounded is a share with three digits.
func rounded(share float64) float64 { return float64(int(share*1000)) / 1000 }

// draw draws phases and items, as many as fit on the terminal.
func (p *Progress) draw() {
	p.painter.draw(func(width, height int) []string { return p.frame(width, height) })
}

// sizeOf is the size of a terminal, or 80 by 24 if w is none.
func sizeOf(w io.Writer) (width, height int) {
	if f, ok := w.(filed); ok {
		if width, height, ok := terminalSize(f); ok {
			return width, height
		}
	}
	return 80, 24
}
