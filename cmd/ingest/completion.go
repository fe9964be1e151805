package main

import (
	"bytes"
	_ "embed"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// quotedInBash completes words inside quotes. It follows cobra's script.
//
//go:embed completion.bash
var quotedInBash string

// Cobra's script for zsh evaluates the words as they were typed, and an open quote breaks that.
const (
	evaluatedInZsh = `$(eval ${requestComp} 2>/dev/null)`
	quotedInZsh    = `$(eval ${requestComp} 2>/dev/null || eval ${requestComp}\' 2>/dev/null || eval ${requestComp}\" 2>/dev/null)`
)

// addScripts lets the scripts for bash and zsh complete words inside quotes, as names of tables may need them.
func addScripts(completion *cobra.Command) {
	for _, c := range completion.Commands() {
		switch generate := c.RunE; c.Name() {
		case "bash":
			c.RunE = func(cmd *cobra.Command, args []string) error {
				if err := generate(cmd, args); err != nil {
					return err
				}
				_, err := io.WriteString(cmd.OutOrStdout(), quotedInBash)
				return err
			}
		case "zsh":
			c.RunE = func(cmd *cobra.Command, _ []string) error {
				write := cmd.Root().GenZshCompletion
				if plain, err := cmd.Flags().GetBool("no-descriptions"); err == nil && plain {
					write = cmd.Root().GenZshCompletionNoDesc
				}
				var script bytes.Buffer
				if err := write(&script); err != nil {
					return err
				}
				_, err := io.WriteString(cmd.OutOrStdout(), strings.ReplaceAll(script.String(), evaluatedInZsh, quotedInZsh))
				return err
			}
		}
	}
}

// unquoted is a word of a shell without its quotes, which may be open. Fish passes words as they were typed.
func unquoted(word string) string {
	if word != "" && strings.ContainsRune(`'"`, rune(word[0])) {
		word = word[1:]
	}
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+1 < len(word) {
			i++
		}
		b.WriteByte(word[i])
	}
	return b.String()
}
