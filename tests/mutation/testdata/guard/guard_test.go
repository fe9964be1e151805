package guard

import "testing"

func TestAll(t *testing.T) {
	if _, err := Root(-1); err == nil {
		t.Error("-1 has a root")
	}
	if root, err := Root(17); err != nil || root != 4 {
		t.Error(root, err)
	}
	if Sign(-1) != "negative" || Sign(1) != "positive" {
		t.Error("wrong signs")
	}
	if Both(false, true) || !Both(true, true) || Either(false, false) || !Either(false, true) {
		t.Error("wrong truth")
	}
	if err := Copy(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestParityIsAsked(*testing.T) { Parity(1) }

func TestParity(t *testing.T) {
	if Parity(1) != "odd" || Parity(2) != "even" {
		t.Error("wrong parity")
	}
}
