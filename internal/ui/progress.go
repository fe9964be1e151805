package ui

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// logInterval is how often a Progress that is not on a terminal logs.
const logInterval = 30 * time.Second

// Progress shows what is being worked on: on a terminal a line for each active
// item, elsewhere a line of the log for each every 30 seconds. All methods may
// be called from any goroutine and do nothing on a nil *Progress.
type Progress struct {
	output *Output
	log    *slog.Logger
	now    func() time.Time

	bars   *mpb.Progress // nil: the log
	direct io.Writer     // where standard error went before the bars
	stop   context.CancelFunc
	done   chan struct{} // closed when the logging goroutine has ended

	mu     sync.Mutex
	active []*Item // in the order in which they were started
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
	p := o.logProgress(log, time.Now, ticker.C)
	stop := p.stop
	p.stop = func() { ticker.Stop(); stop() }
	return p
}

func (o *Output) drawProgress(log *slog.Logger, now func() time.Time) *Progress {
	p := &Progress{output: o, log: log, now: now}
	o.stderr.mu.Lock()
	p.direct = o.stderr.to
	o.stderr.mu.Unlock()
	p.bars = mpb.New(mpb.WithOutput(p.direct), mpb.WithAutoRefresh())
	o.stderr.divert(p.bars)
	return p
}

func (o *Output) logProgress(log *slog.Logger, now func() time.Time, tick <-chan time.Time) *Progress {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Progress{output: o, log: log, now: now, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick:
				p.logActive()
			}
		}
	}()
	return p
}

// Start begins an item. expectedRows is an estimate; 0 or less means that none
// is known, and no share and no time left are shown.
func (p *Progress) Start(name string, expectedRows int64) *Item {
	if p == nil {
		return nil
	}
	item := &Item{progress: p, name: Plain(name), expected: expectedRows, began: p.now()}
	item.rate.add(item.began, 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return item
	}
	p.active = append(p.active, item)
	if p.bars != nil {
		item.bar = p.bars.MustAdd(0, nil, mpb.PrependDecorators(item.columns()...))
	}
	return item
}

// Close removes the lines of items that are still active and waits until
// nothing is drawn or logged any more. A second call does nothing.
func (p *Progress) Close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	items, closed := p.active, p.closed
	p.active, p.closed = nil, true
	p.mu.Unlock()
	if closed {
		return
	}
	if p.bars == nil {
		p.stop()
		<-p.done
		return
	}
	for _, item := range items {
		item.bar.Abort(true)
	}
	// From here on a line of the log would be refused by the bars, or drawn
	// over: it waits for the relay until they are gone.
	p.output.stderr.mu.Lock()
	defer p.output.stderr.mu.Unlock()
	p.bars.Wait()
	p.output.stderr.to = p.direct
}

func (p *Progress) remove(item *Item) {
	p.mu.Lock()
	for i, other := range p.active {
		if other == item {
			p.active = append(p.active[:i:i], p.active[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	if item.bar != nil {
		item.bar.Abort(true)
	}
}

func (p *Progress) logActive() {
	p.mu.Lock()
	items := p.active
	p.mu.Unlock()
	for _, item := range items {
		s := item.look()
		attrs := []any{"item", item.name, "rows", s.rows, "rows_per_second", int64(s.rate), "bytes", s.bytes}
		if share, ok := s.share(); ok {
			attrs = append(attrs, "share", float64(int(share*1000))/1000)
		}
		if left, ok := s.left(); ok {
			attrs = append(attrs, "left", Duration(left).String())
		}
		p.log.Info("progress", attrs...)
	}
}

// columns are an item's line: each is as wide as the widest of all items.
func (i *Item) columns() []decor.Decorator {
	column := func(show func(sight) string, width decor.WC) decor.Decorator {
		return decor.Any(func(decor.Statistics) string { return show(i.look()) }, width)
	}
	left := decor.WC{C: decor.DindentRight | decor.DSyncWidth | decor.DextraSpace}
	right := decor.WC{C: decor.DSyncWidth | decor.DextraSpace}
	return []decor.Decorator{
		column(func(sight) string { return i.name }, left),
		column(func(s sight) string { return Count(s.rows).String() + " rows" }, right),
		column(func(s sight) string { return Count(s.rate).String() + " rows/s" }, right),
		column(func(s sight) string { return Bytes(s.bytes).String() }, right),
		column(sight.shareText, right),
		column(sight.leftText, right),
	}
}
