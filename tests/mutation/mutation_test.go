//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const guard = "tests/mutation/testdata/guard/guard.go"

// mutate runs the command on the package in testdata.
func mutate(t *testing.T, dir string, args ...string) (survivors []string, err error) {
	t.Helper()
	var out strings.Builder
	always := []string{"-package", "./testdata/guard", "-verdicts", filepath.Join(dir, "verdicts"), "-accepted",
		filepath.Join(dir, "accepted")}
	o, err := parseFlags(append(always, args...), &out)
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), o)
	return strings.Split(strings.TrimSpace(out.String()), "\n"), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAGuardThatNoTestNoticesSurvives(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "accepted"), "")
	before, err := os.ReadFile("testdata/guard/guard.go")
	if err != nil {
		t.Fatal(err)
	}
	got, err := mutate(t, dir, "-parallel", "2")
	if err == nil || !strings.Contains(err.Error(), "4 mutants survived") {
		t.Errorf("error %v", err)
	}
	want := []string{
		guard + ":14: drop: n > 1000",
		guard + ":29: drop: n == 0",
		guard + ":36: right: b",
		guard + ":41: left: a",
		"7 noticed, 4 survived, 0 accepted",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if after, err := os.ReadFile("testdata/guard/guard.go"); err != nil || string(after) != string(before) {
		t.Errorf("the tree was changed: %v", err)
	}

	// A second run believes the first, and tests what it has no verdict of.
	verdicts, err := os.ReadFile(filepath.Join(dir, "verdicts"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(verdicts)), "\n")
	if len(lines) != 11 {
		t.Fatalf("%d verdicts, want 11", len(lines))
	}
	lying := strings.Replace(string(verdicts), `"verdict":"killed"`, `"verdict":"survived"`, 1)
	write(t, filepath.Join(dir, "verdicts"), lying)
	if got, _ := mutate(t, dir); !slices.Contains(got, "6 noticed, 5 survived, 0 accepted") {
		t.Errorf("the verdicts were not used: %q", got)
	}
	write(t, filepath.Join(dir, "verdicts"), strings.Join(lines[:10], "\n")+"\n")
	if got, _ := mutate(t, dir); !slices.Contains(got, "7 noticed, 4 survived, 0 accepted") {
		t.Errorf("continued: %q", got)
	}

	// Accepted survivors are not named; others are.
	write(t, filepath.Join(dir, "accepted"), "# not worth it\n"+guard+" Root drop: n > 1000\n"+guard+" Sign drop: n == 0\n\n# nor these\n"+
		guard+" Both right: b\n"+guard+" Either left: a\n")
	if got, err := mutate(t, dir); err != nil || !cmp.Equal(got, []string{"7 noticed, 0 survived, 4 accepted"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// What a test asks for is kept, and believed as long as its file and the
// package's are the same.
func TestWhatTestsAskForIsKept(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "accepted"), "")
	if _, err := mutate(t, dir, "-run=guard.go:11"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "verdicts-tests.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// It is said to ask for nothing: what it noticed survives.
	lying := regexp.MustCompile(`"mutants":\[[0-9,]*\]`).ReplaceAllString(string(data), `"mutants":[]`)
	for _, c := range []struct {
		name, kept string
		want       string
	}{
		{"believed", lying, "0 noticed, 1 survived, 0 accepted"},
		{"another file of tests", regexp.MustCompile(`"hash":"[0-9a-f]*","took"`).ReplaceAllString(lying, `"hash":"0","took"`),
			"1 noticed, 0 survived, 0 accepted"},
		{"another source", regexp.MustCompile(`"hash":"[0-9a-f]*","mutants"`).ReplaceAllString(lying, `"hash":"0","mutants"`),
			"1 noticed, 0 survived, 0 accepted"},
	} {
		write(t, path, c.kept)
		write(t, filepath.Join(dir, "verdicts"), "")
		if got, _ := mutate(t, dir, "-run=guard.go:11"); !slices.Contains(got, c.want) {
			t.Errorf("%s: %q, want %s", c.name, got, c.want)
		}
	}
}

// A mutant that the tests within the bound did not notice has not survived: the
// rest might. The first test is always run, and a higher bound asks again.
func TestBoundOfAMutant(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "accepted"), "")
	if got, err := mutate(t, dir, "-run=guard.go:57"); err != nil || !slices.Contains(got, "1 noticed, 0 survived, 0 accepted") {
		t.Fatalf("%q, %v", got, err)
	}
	// The test that notices goes last, whichever was quicker when the run learned them.
	learned := filepath.Join(dir, "verdicts-tests.jsonl")
	data, err := os.ReadFile(learned)
	if err != nil {
		t.Fatal(err)
	}
	slow := regexp.MustCompile(`("test":"TestParity",.*"took":)[0-9.e-]+`)
	if !slow.Match(data) {
		t.Fatalf("no test to slow down in %s", data)
	}
	write(t, learned, slow.ReplaceAllString(string(data), "${1}100"))
	write(t, filepath.Join(dir, "verdicts"), "")
	for range 2 { // the second time from the file
		got, err := mutate(t, dir, "-run=guard.go:57", "-bound=1ns")
		if err != nil || !cmp.Equal(got,
			[]string{"not noticed within 1ns: " + guard + ":57: drop: n%2 == 1", "0 noticed, 0 survived, 1 not noticed within 1ns, 0 accepted"}) {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := mutate(t, dir, "-run=guard.go:57"); err != nil || !slices.Contains(got, "1 noticed, 0 survived, 0 accepted") {
		t.Errorf("%q, %v", got, err)
	}
}

// What noticed a mutant of the function goes first, then what is quick; a process
// takes tests of one package, for no longer than a batch.
func TestOrderOfTests(t *testing.T) {
	own, further := &binary{}, &binary{}
	cases := map[string]*testCase{}
	add := func(b *binary, name string, took time.Duration, asked ...int) {
		cases[name] = &testCase{of: b, name: name, took: took, asked: map[int]bool{}}
		for _, n := range asked {
			cases[name].asked[n] = true
		}
		b.cases = append(b.cases, cases[name])
	}
	add(own, "slow", 9*time.Second, 0, 1)
	add(own, "quick", time.Second, 0, 1)
	add(own, "other", time.Millisecond, 1)
	add(own, "second", 2*time.Second, 0)
	add(further, "third", 2*time.Second, 0)
	p := &target{suites: []*binary{own, further}, all: []mutant{{function: "f"}, {function: "f"}}, noticed: map[string]map[*testCase]int{}}
	order := func() (text string) {
		for _, tests := range p.order(0, 3*time.Second) {
			for _, c := range tests {
				text += c.name + " "
			}
			text += "| "
		}
		return text
	}
	if got := order(); got != "quick second | third | slow | " { // 3 s, 6 s, 12 s
		t.Error(got)
	}
	if by := p.note(1, []*testCase{cases["quick"], cases["slow"]}, []byte("--- FAIL: TestNone\n")); by != "TestNone" ||
		order() != "quick second | third | slow | " {
		t.Errorf("%s, %s", by, order())
	}
	if cases["slow"].name = "TestSlow"; p.note(1, []*testCase{cases["quick"], cases["slow"]},
		[]byte("--- FAIL: TestSlow (9.00s)\n")) != "TestSlow" {
		t.Error("the test that failed was not found")
	}
	if got := order(); got != "TestSlow | quick second | third | " {
		t.Error(got)
	}
}

func TestChosenMutants(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "accepted"), "")
	for args, want := range map[string][]string{
		"-run=guard.go:11":             {guard + ":11: drop: n < 0"},
		"-run=other.go":                {""},
		"-kinds=error":                 {guard + ":49: error: err != nil"},
		"-kinds=negate":                {guard + ":18: negate: (root+1)*(root+1) <= n", guard + ":41: negate: a || b"},
		"-kinds=left -run=guard.go:36": {guard + ":36: left: a"},
	} {
		got, err := mutate(t, dir, append(strings.Fields(args), "-list")...)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", args, err, diff)
		}
	}
	if got, err := mutate(t, dir, "-kinds=error"); err == nil || !slices.Contains(got, guard+":49: error: err != nil") {
		t.Errorf("an error that no test causes: %q, %v", got, err)
	}
}

func TestListOfTheAcceptedIsChecked(t *testing.T) {
	dir := t.TempDir()
	for list, want := range map[string]string{
		guard + " Root drop: n > 1000\n":                                                          "no reason stands above",
		"# so\n\n" + guard + " Root drop: n > 1000\n":                                             "no reason stands above",
		"# so\n" + guard + " Root drop: n > 1000\n" + guard + " Root drop: n > 1000\n":            "is there twice",
		"# so\n" + guard + " Root drop: n > 9\n":                                                  "is no mutant",
		"# so\n" + guard + " Root drop: n > 1000\n# another's\ninternal/load/x.go Y drop: true\n": "",
	} {
		write(t, filepath.Join(dir, "accepted"), list)
		_, err := mutate(t, dir, "-list")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", list, err, want)
		}
	}
	if _, err := mutate(t, t.TempDir(), "-list"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no list: %v", err)
	}
}

// The switches change nothing but conditions, and are nested as the conditions are.
func TestSwitchesOfEachKind(t *testing.T) {
	const source = "package p\n\nfunc f(a, b, c bool) {\n\tif a && b && /* why */ c {\n\t\treturn\n\t}\n\tswitch {\n\tcase a || b, c:\n\t}\n" +
		"\tfor a {\n\t}\n\tif x := a; x {\n\t\tb = c\n\t}\n}\n"
	found, err := findMutants("p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	var numbers []int
	for n, m := range found {
		kinds, numbers = append(kinds, string(m.kind)), append(numbers, n)
	}
	if diff := cmp.Diff(strings.Fields("drop left right right drop left right drop negate negate"), kinds); diff != "" {
		t.Error(diff)
	}
	got := strings.Split(string(instrument([]byte(source), found, numbers)), "\n")
	for line, want := range map[int]string{
		4:  "if ((((a) || mutantIsOn(1)) && ((b) || mutantIsOn(2)) && /* why */ ((c) || mutantIsOn(3))) && !mutantIsOn(0)) {",
		8:  "case ((((a) && !mutantIsOn(5)) || ((b) && !mutantIsOn(6))) && !mutantIsOn(4)), ((c) && !mutantIsOn(7)):",
		10: "for ((a) != mutantIsOn(8)) {",
		12: "if x := a; ((x) != mutantIsOn(9)) {",
	} {
		if got := strings.TrimSpace(got[line-1]); got != want {
			t.Errorf("line %d: %s\nwant %s", line, got, want)
		}
	}
}

// TestListOfAcceptedSurvivors reads the tree's own list: each mutant has a reason above it, and is a mutant of its file.
func TestListOfAcceptedSurvivors(t *testing.T) {
	list, err := readAccepted("accepted.txt")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]map[string]bool{} // the ids of a file's mutants
	for id := range list {
		name, _, _ := strings.Cut(id, " ")
		if files[name] == nil {
			source, err := os.ReadFile(filepath.Join("..", "..", name))
			if err != nil {
				t.Fatal(err)
			}
			mutants, err := findMutants(name, source)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = map[string]bool{}
			for _, m := range mutants {
				files[name][m.id()] = true
			}
		}
		if !files[name][id] {
			t.Errorf("%q is no mutant: remove it, or write what it is now", id)
		}
	}
}
