package bronze

// Operation is a statement that changes a table.
type Operation struct {
	SQL   string
	Entry string                // entries that it loads, for its query tag; may be empty
	Copy  bool                  // it is a COPY INTO
	Rows  int64                 // rows that a COPY INTO loads
	Sent  func()                // records that it may have been executed; may be nil
	Fail  func(err error) error // adds context to its error; nil for none
	Done  func()                // records that it was executed; may be nil
}

// Succeed records that the operation was executed.
func (o *Operation) Succeed() {
	if o.Done != nil {
		o.Done()
	}
}

// Ended records the outcome of the statement: err is its error, or nil.
func (o *Operation) Ended(err error) error {
	if err != nil && o.Fail != nil {
		err = o.Fail(err)
	}
	if err == nil {
		o.Succeed()
	}
	return err
}
