package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
)

// What a file may contain of a connection string has no password, and the user that it is for.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url, user, want string
		removed         bool
	}{
		{"postgres://me:hunter2@h:5432/d?sslmode=require", "", "postgres://me@h:5432/d?sslmode=require", true},
		{"postgres://me@h/d", "", "postgres://me@h/d", false},
		{"postgres://me:hunter2@h/d", "in it", "postgres://in%20it@h/d", true},
		{"postgres://h/d?user=me&password=hunter2&sslpassword=hunter2", "x", "postgres://x@h/d", true},
		{"postgresql://h", "x", "postgresql://x@h", false},
		{"postgres://:hunter2@h/d", "", "postgres://@h/d", true},
		{"host=h user=me password='hunter2 x' dbname='a b'", "", "host=h user=me dbname='a b'", true},
		{"host=h user=me", `o'r\e`, `host=h user='o\'r\\e'`, false},
	} {
		u, err := ParseURL(c.url)
		if err != nil {
			t.Fatalf("%s: %v", c.url, err)
		}
		public, removed := u.Public(c.user)
		if public.Reveal() != c.want || removed != c.removed {
			t.Errorf("%s for %q: %s, %v; want %s, %v", c.url, c.user, public.Reveal(), removed, c.want, c.removed)
		}
		if _, err := ParseURL(public.Reveal()); err != nil {
			t.Errorf("%s: %v", public.Reveal(), err)
		}
	}
}

// A password that was asked for gets into the connection string as it is, and out of it again.
func TestURLWithPassword(t *testing.T) {
	t.Parallel()
	for _, without := range []string{"postgres://me@h/d", "postgres://me@h/d?sslmode=require", "host=h user=me"} {
		for _, password := range []string{"hunter2", `a b'c\d`, "p@ss/w?r#d%&=+:ü"} {
			u, err := ParseURL(URL(without).WithPassword(password))
			if err != nil {
				t.Fatalf("%s: %v", without, err)
			}
			config, err := pgx.ParseConfig(u.Reveal())
			if err != nil || config.Password != password {
				t.Errorf("%s: %v, not %q", without, err, password)
			}
			if public, removed := u.Public(""); !removed || public.Reveal() != without {
				t.Errorf("%s became %s", without, public.Reveal())
			}
		}
	}
}

// A written file reads back as the same configuration, without secrets.
func TestFileTextReadsBack(t *testing.T) {
	t.Parallel()
	c, err := Read(Inputs{NoFile: true, Environment: []string{
		"INGEST_PIPELINE=p-1", "INGEST_SOURCE_URL=postgres://me@h/d", "INGEST_SOURCE_SCHEMAS=public,a b",
		`INGEST_SOURCE_TABLES=public.a,public.b*,"public"."c,d",x.y,"Z"`, "INGEST_SOURCE_SSH_HOST=b:22", "INGEST_SOURCE_FAILOVER=true",
		"INGEST_SOURCE_HEARTBEAT=5m", "INGEST_CATALOG=c", "DATABRICKS_HOST=https://h.example.com", "INGEST_SOURCE_PASSWORD_COMMAND=echo,hunter2",
		"INGEST_MASK_KEY=hunter2hunter2hunter2", "INGEST_LOAD_JOBS=3",
	}})
	if err != nil {
		t.Fatal(err)
	}
	text := c.FileText(map[string]string{"source.url": "one\ntwo", "source": "three", "destination": "four"})
	if strings.Contains(text, "hunter2") || strings.Contains(text, redacted) || strings.Contains(text, "jobs") {
		t.Errorf("%s", text)
	}
	if !strings.Contains(text, "\n# one\n# two\nurl = ") || !strings.Contains(text, "[destination]\n# four\n") {
		t.Errorf("%s", text)
	}
	got, err := Read(Inputs{File: write(t, text)})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	want := *c
	want.Source.PasswordCommand, want.Mask, want.Load = nil, Mask{}, Default().Load
	diff := cmp.Diff(&want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Config{}, "File", "Names"), cmp.AllowUnexported(Pattern{}))
	if diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, text)
	}
}
