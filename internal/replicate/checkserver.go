package replicate

import (
	"fmt"

	"ingest/internal/postgres"
)

// clearPassword warns where the password may be sent unencrypted: whoever stands
// in between, or answers in the server's place, reads it.
func (c *Checker) clearPassword(s *postgres.Source) {
	if host := s.ClearPassword(); host != "" {
		c.add(Warning, "source", fmt.Sprintf("sslmode lets the password go to %s unencrypted", host), "disable, allow and prefer (which holds where nothing is said) do without encryption where the server does",
			"sslmode=verify-full with sslrootcert (source.url, PGSSLMODE, PGSSLROOTCERT); at least sslmode=require")
	}
}
