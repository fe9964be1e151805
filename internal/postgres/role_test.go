package postgres

import (
	"strings"
	"testing"
)

// A role that is missing is made, and one that exists gets what it lacks. On Amazon RDS, a membership
// stands for REPLICATION.
func TestSQLThatMakesARole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role Role
		want string
	}{
		{Role{MayConnect: true}, `CREATE ROLE "r 1" LOGIN REPLICATION;`},
		{Role{MayConnect: true, RDS: true}, `CREATE ROLE "r 1" LOGIN IN ROLE rds_replication;`},
		{Role{Exists: true, MayConnect: true}, `ALTER ROLE "r 1" REPLICATION;`},
		{Role{Exists: true, MayConnect: true, RDS: true}, `GRANT rds_replication TO "r 1";`},
		{Role{Exists: true, MayReplicate: true, MayConnect: true}, ""},
		{Role{Exists: true, MayReplicate: true}, `GRANT CONNECT ON DATABASE "d" TO "r 1";`},
	} {
		c.role.Name = "r 1"
		if got := strings.Join(c.role.Make("d", true), " "); got != c.want {
			t.Errorf("%+v: %s, want %s", c.role, got, c.want)
		}
	}
}
