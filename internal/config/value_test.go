package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ingest-tool/ingest/internal/schema"
)

func TestURLNeverPrintsItsPassword(t *testing.T) {
	tests := []struct {
		url, want string
	}{
		{"postgres://u:hunter2@h:5432/d?sslmode=require", "postgres://u:REDACTED@h:5432/d?sslmode=require"},
		{"postgresql://u@h/d?password=hunter2", "postgresql://u@h/d?password=REDACTED"},
		{"postgres://u@h/d?sslpassword=hunter2&sslmode=require", "postgres://u@h/d?sslmode=require&sslpassword=REDACTED"},
		{"postgres://u@h/d", "postgres://u@h/d"},
		{"postgres://h1:1,h2:2/d", ""},
		{"host=h password=hunter2 dbname=d", "host=h password=REDACTED dbname=d"},
		{`host=h password = 'hun\'ter2 hunter2' dbname=d`, "host=h password = REDACTED dbname=d"},
		{`password=hunter2\ hunter2 host=h`, "password=REDACTED host=h"},
		{`password='hunter2 unclosed`, "password=REDACTED"},
		{"PASSWORD=hunter2", "PASSWORD=REDACTED"},
		{"host=h sslpassword=hunter2", "host=h sslpassword=REDACTED"},
	}
	for _, test := range tests {
		u := URL(test.url)
		if got := u.String(); got != test.want && test.want != "" {
			t.Errorf("String of %s = %s, want %s", test.url, got, test.want)
		}
		c := Default()
		c.Source.URL = u
		var log bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&log, nil))
		logger.Info("configuration", "config", c, "url", u, "source", c.Source)
		slog.New(slog.NewTextHandler(&log, nil)).Info("configuration", "config", c, "url", u, "source", c.Source)
		marshalled, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		printed := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v", u, u, u, u, u, c, c.Source, c.Source) + log.String() + string(marshalled)
		if strings.Contains(printed, "hunter2") || strings.Contains(printed, "ter2") {
			t.Errorf("%s: the password is printed:\n%s", test.url, printed)
		}
		if u.Reveal() != test.url {
			t.Errorf("Reveal of %s = %s", test.url, u.Reveal())
		}
	}
}

func FuzzURLNeverPrintsItsPassword(f *testing.F) {
	for _, s := range []string{"hunter2", "a b", `a'b`, `a\b`, "p@ss:w/rd", "100%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, password string) {
		if len(password) < 4 || strings.ContainsAny(password, "\x00\r\n") || strings.Contains("host=h password=REDACTED dbname=d", password) {
			return
		}
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
		for _, s := range []string{"host=h password='" + quoted + "' dbname=d", "postgres://u:" + password + "@h/d"} {
			u, err := ParseURL(s)
			if err != nil {
				if strings.Contains(err.Error(), password) &&
					!strings.Contains("percent-encode the special characters in its password (@ is %40, / is %2F, # is %23, % is %25)", password) {
					t.Errorf("the error for %q tells the password: %v", s, err)
				}
				continue
			}
			if strings.HasPrefix(s, "host=") && u.String() != "host=h password=REDACTED dbname=d" {
				t.Errorf("String of %q = %q", s, u.String())
			}
		}
	})
}

func TestBytesPrintWhatParsesToThem(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "1": 1, "256MB": 256e6, "128MiB": 128 << 20, "1GB": 1e9, "1 gib": 1 << 30, "1.5GB": 1.5e9,
		"1k": 1000, "9223372036854775807": 1<<63 - 1,
	} {
		got, err := ParseBytes(text)
		if err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, got, err, want)
			continue
		}
		again, err := ParseBytes(got.String())
		if err != nil || again != got {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", got.String(), again, err, got)
		}
	}
	for _, text := range []string{"", "MB", "-1", "1XB", "9223372036854775808", "1e9", "0x10"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("ParseBytes(%q) = %d, want an error", text, got)
		}
	}
}

func TestSelects(t *testing.T) {
	source := func(schemas, tables, exclude string) Source {
		s := Source{Schemas: SplitList(schemas)}
		for at, list := range map[*[]Pattern]string{&s.Tables: tables, &s.Exclude: exclude} {
			for _, text := range SplitList(list) {
				p, err := ParsePattern(text)
				if err != nil {
					t.Fatal(err)
				}
				*at = append(*at, p)
			}
		}
		return s
	}
	tests := []struct {
		name   string
		source Source
		schema string
		table  string
		want   bool
	}{
		{"a schema's table", source("public", "", ""), "public", "orders", true},
		{"another schema's table", source("public", "", ""), "sales", "orders", false},
		{"listed", source("public", "orders", ""), "public", "orders", true},
		{"not listed", source("public", "orders", ""), "public", "order", false},
		{"listed, of another schema", source("public", "orders", ""), "sales", "orders", false},
		{"listed with its schema", source("public", "sales.orders", ""), "sales", "orders", true},
		{"any run", source("public", "o*s", ""), "public", "orders", true},
		{"one character", source("public", "order?", ""), "public", "orders", true},
		{"one character, none there", source("public", "order?", ""), "public", "order", false},
		{"case matters", source("public", "Orders", ""), "public", "orders", false},
		{"excluded", source("public", "", "*_tmp"), "public", "x_tmp", false},
		{"excluded, elsewhere", source("public", "", "sales.*"), "public", "x", true},
		{"excluded, though listed", source("public", "orders", "o*"), "public", "orders", false},
		{"a dot in the name", source("public", `"a.b"`, ""), "public", "a.b", true},
		{"every schema's", source("public", "*.orders", ""), "sales", "orders", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.source.Selects(schema.TableName{Schema: test.schema, Name: test.table}); got != test.want {
				t.Errorf("Selects(%s.%s) = %v, want %v", test.schema, test.table, got, test.want)
			}
		})
	}
}

func TestPatternLiteral(t *testing.T) {
	for text, want := range map[string]string{"orders": "public.orders", "sales.orders": "sales.orders", "o*": "", "s?.x": ""} {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		table, ok := p.Literal("public")
		if ok != (want != "") || ok && table.String() != want {
			t.Errorf("Literal of %s = %v, %v; want %q", text, table, ok, want)
		}
	}
}

func TestNamePattern(t *testing.T) {
	p, err := parseNamePattern("raw_{schema}_{table}")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Name(schema.TableName{Schema: "public", Name: "{schema}"}); got != "raw_public_{schema}" {
		t.Errorf("Name = %q, want raw_public_{schema}", got)
	}
	for name, want := range map[string]string{
		"a b.c/d\n\x7f\x00": "raw_s_a_b_c_d___", "é'`\u00a0-,;": "raw_s_é'`\u00a0-,;", "": "raw_s_",
	} {
		table := schema.TableName{Schema: "s", Name: name}
		if got := p.Name(table); got != want || p.Keeps(table) != (want == "raw_s_"+name) {
			t.Errorf("Name of %q = %q (kept: %t), want %q", name, got, p.Keeps(table), want)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"catalgo": "catalog", "catlog": "catalog", "catalog_name": "", "schemas": "schemas", "shema": "schema", "x": "",
	} {
		if got := Nearest(name, []string{"catalog", "schema", "schemas", "volume"}); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
