package failure

import (
	"errors"
	"testing"
)

func TestAllHasEveryTextAndHintOnce(t *testing.T) {
	one, two := New(Usage, "one").WithHint("do one"), New(Tables, "two").WithHint("do two")
	bare := errors.New("bare")
	for what, c := range map[string]struct {
		errs       []error
		text, hint string
		kind       Kind
	}{
		"one":           {[]error{one}, "one", "do one", Usage},
		"several":       {[]error{one, bare, two}, "one; bare; two", "do one; do two", Usage},
		"the same hint": {[]error{two, one, New(Usage, "three").WithHint("do two")}, "two; one; three", "do two; do one", Tables},
		"the same text": {[]error{one, New(Usage, "one").WithHint("do one")}, "one", "do one", Usage},
		"without hints": {[]error{bare, errors.New("other")}, "bare; other", "", Other},
	} {
		t.Run(what, func(t *testing.T) {
			err := All(c.errs)
			if err.Error() != c.text || HintOf(err) != c.hint || KindOf(err) != c.kind {
				t.Errorf("%q, %q, kind %d", err, HintOf(err), KindOf(err))
			}
			for _, e := range c.errs {
				if !errors.Is(err, e) {
					t.Errorf("%q is hidden", e)
				}
			}
		})
	}
	if All(nil) != nil {
		t.Error("no error became an error")
	}
}
