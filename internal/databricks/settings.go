package databricks

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/ingest-tool/ingest/internal/failure"
)

// defaultFile has the profiles if DATABRICKS_CONFIG_FILE is not set.
const defaultFile = "~/.databrickscfg"

// settingsError explains why the SDK could not read environment and profile.
func (c *connection) settingsError(err error) error {
	text := c.redact.text(err.Error())
	// The file's parser quotes the line that it cannot parse. That line may be
	// a token.
	if before, _, found := strings.Cut(text, "key-value delimiter not found"); found {
		text = before + "a line has no ="
	}
	if strings.Contains(text, "cannot find homedir") {
		return failure.New(failure.Usage, "read Databricks sign-in settings: %w",
			&cleanError{text: "HOME is not set, so " + defaultFile + " cannot be found", err: err}).
			WithHint("export HOME, or name the file in DATABRICKS_CONFIG_FILE, or leave the profile out and export " +
				"DATABRICKS_HOST and DATABRICKS_TOKEN")
	}
	e := failure.New(failure.Usage, "read Databricks sign-in settings: %w", &cleanError{text: text, err: err})
	return e.WithHint("name a profile of " + defaultFile + " in DATABRICKS_CONFIG_PROFILE, or set DATABRICKS_HOST and DATABRICKS_TOKEN, or " +
		"DATABRICKS_HOST, DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET; `databricks auth profiles` lists the profiles")
}

// missingProfile explains why a named profile gave no workspace.
func missingProfile(file string) string {
	name := cmp.Or(file, defaultFile)
	path := name
	if home, err := os.UserHomeDir(); err == nil {
		path = strings.Replace(name, "~", home, 1)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "there is no file " + name
	}
	return "it has no host in " + name
}
