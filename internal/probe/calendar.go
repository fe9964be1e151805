package probe

import "time"

// day is a date as days since 1970-01-01, in the calendar that has no reform.
func day(text string) int32 {
	return int32(parsed("2006-01-02", text).Unix() / (24 * 60 * 60))
}

// micro is a time as microseconds since 1970-01-01.
func micro(text string) int64 { return parsed("2006-01-02T15:04:05.999999", text).UnixMicro() }

func parsed(layout, text string) time.Time {
	t, err := time.Parse(layout, text)
	if err != nil {
		panic(err) // a constant of this package
	}
	return t
}
