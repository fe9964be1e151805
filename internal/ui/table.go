package ui

import (
	"fmt"
	"reflect"

	"github.com/jedib0t/go-pretty/v6/table"
	prettytext "github.com/jedib0t/go-pretty/v6/text"
)

// Table writes a table to standard output: a line of headers, a line of dashes,
// a line a row. Columns that hold nothing but numbers (Bytes, Count and
// Duration among them) are aligned to the right; nil prints as NULL.
func (o *Output) Table(headers []string, rows [][]any) error {
	return o.write(TableText(headers, rows) + "\n")
}

// TableText is the text of a table, as Table writes it.
func TableText(headers []string, rows [][]any) string {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Format.Header = prettytext.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", ""
	style.Box.MiddleVertical, style.Box.MiddleSeparator, style.Box.MiddleHorizontal = "  ", "  ", "-"
	style.Options = table.Options{SeparateColumns: true, SeparateHeader: true}
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	header := make(table.Row, len(headers))
	configs := make([]table.ColumnConfig, len(headers))
	for i, name := range headers {
		header[i] = Plain(name)
		configs[i] = table.ColumnConfig{Number: i + 1}
		if numeric(rows, i) {
			configs[i].Align, configs[i].AlignHeader = prettytext.AlignRight, prettytext.AlignRight
		}
	}
	w.AppendHeader(header)
	w.SetColumnConfigs(configs)
	for _, row := range rows {
		cells := make(table.Row, len(row))
		for i, cell := range row {
			cells[i] = cellText(cell)
		}
		w.AppendRow(cells)
	}
	return w.Render()
}

func cellText(cell any) string {
	if cell == nil {
		return "NULL"
	}
	return Plain(fmt.Sprint(cell))
}

// numeric says whether column i holds numbers and NULLs only, and a number at
// least.
func numeric(rows [][]any, i int) bool {
	found := false
	for _, row := range rows {
		if i >= len(row) || row[i] == nil {
			continue
		}
		switch k := reflect.TypeOf(row[i]).Kind(); {
		case k >= reflect.Int && k <= reflect.Float64 && k != reflect.Uintptr:
			found = true
		default:
			return false
		}
	}
	return found
}
