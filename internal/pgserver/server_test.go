//go:build unix

package pgserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func startServer(t *testing.T, opts Options) *Server {
	t.Helper()
	server, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// query returns the only value of a query, as text.
func query(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	var value string
	if err := conn.QueryRow(t.Context(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func exec1(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// openDir makes a directory that root's server account can reach too (what t.TempDir makes is closed to it).
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestStartMakesAServerForLogicalReplication(t *testing.T) {
	server := startServer(t, Options{})
	conn := connect(t, server.URL(""))
	for setting, want := range map[string]string{
		"wal_level": "logical", "max_replication_slots": "50", "max_wal_senders": "50",
		"max_prepared_transactions": "20", "synchronous_commit": "on", "fsync": "off",
		"password_encryption": "scram-sha-256", "server_encoding": "UTF8", "TimeZone": "UTC",
		"data_directory": server.DataDir(), "port": strconv.Itoa(server.Port()),
	} {
		if got := query(t, conn, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	slot := query(t, conn, "SELECT slot_name FROM pg_create_logical_replication_slot('s', 'pgoutput')")
	if slot != "s" {
		t.Errorf("slot %q, want s", slot)
	}
	if got := query(t, conn, "SHOW server_version"); !strings.HasPrefix(got, server.Version()) {
		t.Errorf("Version() = %q, the server says %q", server.Version(), got)
	}
	replication, err := pgx.Connect(t.Context(), server.URL("")+"&replication=database")
	if err != nil {
		t.Fatalf("connect for replication: %v", err)
	}
	defer replication.Close(context.Background())
}

func TestPasswordIsAskedFor(t *testing.T) {
	server := startServer(t, Options{})
	for _, host := range []string{"127.0.0.1", server.SocketDir()} {
		config, err := pgx.ParseConfig(server.URL(""))
		if err != nil {
			t.Fatal(err)
		}
		config.Host, config.Password = host, "wrong"
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if !hasCode(err, "28P01") {
			t.Errorf("%s: connecting with a wrong password: %v, want invalid_password", host, err)
		}
		if conn != nil {
			conn.Close(t.Context())
		}
		config.Password = server.Password()
		conn, err = pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Errorf("%s: connecting with the password: %v", host, err)
			continue
		}
		conn.Close(t.Context())
	}
}

func TestSettingsOverrideAndAlterSystemOverridesThem(t *testing.T) {
	server := startServer(t, Options{Settings: map[string]string{
		"Wal_Level": "replica", "work_mem": "7MB", "ingest.note": `it's a \ "note"`,
	}})
	conn := connect(t, server.URL(""))
	for setting, want := range map[string]string{"wal_level": "replica", "work_mem": "7MB", "ingest.note": `it's a \ "note"`} {
		if got := query(t, conn, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	exec1(t, conn, "ALTER SYSTEM SET wal_level = logical")
	if err := server.Restart(t.Context(), Fast); err != nil {
		t.Fatal(err)
	}
	if got := query(t, connect(t, server.URL("")), "SHOW wal_level"); got != "logical" {
		t.Errorf("wal_level = %q after ALTER SYSTEM and restart, want logical", got)
	}
}

func TestRestartKeepsDataPortAndPassword(t *testing.T) {
	server := startServer(t, Options{})
	conn := connect(t, server.URL(""))
	exec1(t, conn, "CREATE TABLE kept (n int)")
	url := server.URL("")
	ends := []struct {
		name string
		end  func() error
	}{
		{"fast", func() error { return server.Restart(t.Context(), Fast) }},
		{"immediate", func() error { return server.Restart(t.Context(), Immediate) }},
		{"killed", func() error { return errors.Join(server.Kill(), server.Restart(t.Context(), Fast)) }},
	}
	for n, test := range ends {
		exec1(t, conn, fmt.Sprintf("INSERT INTO kept VALUES (%d)", n))
		pid := server.PID()
		if err := test.end(); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if server.PID() == pid {
			t.Errorf("%s: still process %d", test.name, pid)
		}
		conn = connect(t, url)
		if got, want := query(t, conn, "SELECT count(*) FROM kept"), strconv.Itoa(n+1); got != want {
			t.Errorf("%s: %s rows, want %s", test.name, got, want)
		}
	}
}

func TestStopRemovesEverything(t *testing.T) {
	server := startServer(t, Options{})
	pid, dir := server.PID(), server.home.dir
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if processAlive(pid) {
		t.Errorf("server process %d still runs", pid)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory %s: %v, want that it doesn't exist", dir, err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
	if err := server.Restart(t.Context(), Fast); err == nil {
		t.Error("Restart after Stop: no error")
	}
}

func TestStopWithEndedContextStillStops(t *testing.T) {
	server := startServer(t, Options{})
	connect(t, server.URL(""))
	pid := server.PID()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if processAlive(pid) {
		t.Errorf("server process %d still runs", pid)
	}
}

func TestTwoServersAtOnce(t *testing.T) {
	one, two := startServer(t, Options{}), startServer(t, Options{})
	if one.Port() == two.Port() || one.DataDir() == two.DataDir() || one.Password() == two.Password() {
		t.Errorf("servers share something: ports %d and %d, directories %s and %s",
			one.Port(), two.Port(), one.DataDir(), two.DataDir())
	}
	system := "SELECT system_identifier::text FROM pg_control_system()"
	if a, b := query(t, connect(t, one.URL("")), system), query(t, connect(t, two.URL("")), system); a == b {
		t.Errorf("both are the cluster %s", a)
	}
}

func TestGivenDirectoryIsKeptAndUsedAgain(t *testing.T) {
	// Too long for a socket's path, and with a space and a quote in it.
	dir := filepath.Join(openDir(t), strings.Repeat("long", 25), "the server's own")
	server := startServer(t, Options{Dir: dir})
	conn := connect(t, server.URL(""))
	exec1(t, conn, "CREATE TABLE kept AS SELECT 42 AS n")
	_, err := Start(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second server in the directory: %v, want that it is in use", err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(server.SocketDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket directory %s: %v, want that it doesn't exist", server.SocketDir(), err)
	}
	again := startServer(t, Options{Dir: dir, Major: server.Major()})
	if got := query(t, connect(t, again.URL("")), "SELECT n FROM kept"); got != "42" {
		t.Errorf("n = %s, want 42", got)
	}
	if again.Password() != server.Password() {
		t.Error("the password of the kept cluster changed")
	}
}

func TestFailedStartShowsTheLogAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", openDir(t))
	_, err := Start(t.Context(), Options{Settings: map[string]string{"shared_buffers": "many"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers"`) {
		t.Errorf("error %v, want one with the server's own message", err)
	}
	left, globErr := filepath.Glob(filepath.Join(os.TempDir(), homePrefix+"*"))
	if globErr != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, globErr)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server, err := Start(ctx, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that the context was cancelled", err)
	}
	if server != nil {
		t.Error("a server in spite of the error")
	}
}

func TestUnreachableDirectoryIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		return // an ordinary user's server runs as that user, who reaches the directory
	}
	closed := openDir(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: filepath.Join(closed, "inner")})
	if err == nil || !strings.Contains(err.Error(), closed+" is closed to user ") {
		t.Errorf("error %v, want one that names %s", err, closed)
	}
}

// child is this test binary as another process that runs a server; see runChild.
type child struct {
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	pid, port int // of the server
	dir       string
}

func startChild(t *testing.T, binary string, cred *syscall.Credential) child {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("read from child: %v", err)
	}
	c := child{cmd: cmd, stdin: stdin}
	if _, err := fmt.Sscan(line, &c.pid, &c.port, &c.dir); err != nil {
		t.Fatalf("child said %q: %v", line, err)
	}
	return c
}

// eventually asks until the condition holds, for at most two minutes.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for !holds() {
		if !pause(ctx) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

func listening(port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func TestServerOfAKilledProcessIsGone(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := startChild(t, binary, nil)
	if !listening(c.port) {
		t.Fatalf("nothing listens on port %d", c.port)
	}
	if isStale(c.dir) {
		t.Errorf("%s of a living process is taken for stale", c.dir)
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err == nil {
		t.Fatal("child ended by itself")
	}
	if runtime.GOOS == "linux" { // elsewhere the next start ends it
		eventually(t, "the server's port is closed", func() bool { return !listening(c.port) })
		eventually(t, "the server process has ended", func() bool { return !runsOn(c.pid, c.dir) })
	}
	startServer(t, Options{}) // removes what is stale
	if listening(c.port) {
		t.Errorf("somebody still listens on port %d", c.port)
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory %s: %v, want that it doesn't exist", c.dir, err)
	}
}

func TestOrphanedServerIsEnded(t *testing.T) {
	orphan := startServer(t, Options{})
	endOrphan(orphan.DataDir())
	if runsOn(orphan.proc.pid, orphan.DataDir()) {
		t.Error("the server still runs")
	}
	// The goroutine that waits for the program learns of its end a moment later.
	eventually(t, "the server has ended", func() bool { return !orphan.proc.running() })
}

func TestOnlyAServerIsTakenForAnOrphan(t *testing.T) {
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	pidFile := fmt.Sprintf("%d\n%s\n", bystander.Process.Pid, data) // its id was a server's once
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(pidFile), 0o600); err != nil {
		t.Fatal(err)
	}
	endOrphan(data)
	if err := bystander.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := bystander.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("process ended with %v, want that only SIGKILL ended it", err)
	}
}

func TestOrdinaryUserNeedsNoOtherAccount(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(executable)
	if err != nil {
		t.Fatal(err)
	}
	// The go command's build directory is closed to other users.
	binary := filepath.Join(openDir(t), "pgserver.test")
	if err := os.WriteFile(binary, content, 0o755); err != nil {
		t.Fatal(err)
	}
	acc, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	c := startChild(t, binary, acc.credential())
	info, err := os.Stat(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != acc.uid {
		t.Errorf("directory belongs to user %d, want %d", owner, acc.uid)
	}
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("child: %v", err)
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory %s: %v, want that it doesn't exist", c.dir, err)
	}
}

func TestDropDatabaseInSpiteOfSlotsSessionsAndPreparedTransactions(t *testing.T) {
	server := startServer(t, Options{})
	const name = `a "name"/with?odd#signs`
	if err := server.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, server.URL(name))
	exec1(t, conn, "CREATE TABLE t (n int)")
	exec1(t, conn, "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
	exec1(t, conn, "CREATE PUBLICATION p FOR TABLE t")
	exec1(t, conn, "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'it''s prepared'")
	reader, err := pgx.Connect(t.Context(), server.URL(name)+"&replication=database")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(context.Background())
	read := reader.PgConn().Exec(t.Context(),
		"START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '1', publication_names 'p')")
	defer read.Close()
	eventually(t, "the slot is read", func() bool {
		return query(t, conn, "SELECT count(*) FROM pg_replication_slots WHERE active") == "1"
	})
	if err := server.DropDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	left := query(t, connect(t, server.URL("")),
		"SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'a %') + (SELECT count(*) FROM pg_replication_slots)")
	if left != "0" {
		t.Errorf("%s databases and slots left, want 0", left)
	}
	if err := server.DropDatabase(t.Context(), name); err != nil {
		t.Errorf("second drop: %v", err)
	}
}

func TestMergeSettingsRefuses(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"port", "1", "chosen by the server's start"},
		{"Data_Directory", "/", "chosen by the server's start"},
		{"work_mem\nfsync", "on", "not a name"},
		{"work mem", "1", "not a name"},
		{"", "1", "not a name"},
		{"work_mem", "1MB\nfsync = on", "more than one line"},
	} {
		_, err := mergeSettings(map[string]string{test.name: test.value})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q = %q: error %v, want one with %q", test.name, test.value, err, test.want)
		}
	}
}

func TestRenderSettings(t *testing.T) {
	got := renderSettings(map[string]string{"b": `o'clock\n`, "a": ""})
	if diff := cmp.Diff("a = ''\nb = 'o''clock\\\\n'\n", got); diff != "" {
		t.Error(diff)
	}
}
