package tcli

import (
	"context"
	"fmt"

	"github.com/apache/thrift/lib/go/thrift"
)

// ProtocolVersion is the version that a warehouse supports: SPARK_CLI_SERVICE_PROTOCOL_V8, which
// has parameters and direct results.
const ProtocolVersion int32 = 0xA508

// Handle names a session or an operation.
type Handle struct{ GUID, Secret string }

// Parameter is one of a statement's; Value is nil for NULL.
type Parameter struct {
	Name, Type string
	Value      *string
}

// Request is a call, with the arguments that its method has.
type Request struct {
	Method   string
	sequence int32

	Session, Operation Handle
	Catalog, Schema    string            // OpenSession; patterns of the catalog calls
	Table, Column      string            // patterns of the catalog calls
	Configuration      map[string]string // OpenSession; ExecuteStatement, for that statement
	Statement          string
	Parameters         []Parameter
	Direct             bool  // direct results are asked for
	MaxRows            int64 // of a page; 0 leaves it to the server
	Orientation        int64 // of a fetch: 0 is next, 4 is first
	StartOffset        *int64
	WantMetadata       bool
	InfoType           int64
	// Arrow is set if the client reads a result as Arrow.
	Arrow *ArrowTypes
}

// ArrowTypes is TSparkArrowTypes: what a client reads as Arrow's own types and not as text.
type ArrowTypes struct{ Timestamps, Decimals, Complex, Nulls bool }

// Read decodes a call.
func Read(ctx context.Context, body []byte) (*Request, error) {
	buffer := thrift.NewTMemoryBuffer()
	buffer.Buffer.Write(body)
	limit := int32(len(body)) + 1
	p := thrift.NewTBinaryProtocolConf(buffer, &thrift.TConfiguration{MaxMessageSize: max(limit, 1024), MaxFrameSize: max(limit, 1024)})
	name, kind, sequence, err := p.ReadMessageBegin(ctx)
	if err != nil {
		return nil, fmt.Errorf("read call: %w", err)
	}
	if kind != thrift.CALL && kind != thrift.ONEWAY {
		return nil, fmt.Errorf("read call %q: message type %d is not a call", name, kind)
	}
	args, err := readStruct(ctx, p, 0)
	if err != nil {
		return nil, fmt.Errorf("read call %q: %w", name, err)
	}
	r := &Request{Method: name, sequence: sequence}
	r.fill(args.inner(1))
	return r, nil
}

func (r *Request) fill(f fields) {
	switch r.Method {
	case "OpenSession":
		r.Configuration = f.textMap(4)
		r.Catalog, r.Schema = f.inner(1284).text(1), f.inner(1284).text(2)
		return
	case "GetOperationStatus", "GetResultSetMetadata", "FetchResults", "CancelOperation", "CloseOperation":
		r.Operation = handle(f.inner(1).inner(1))
		r.Orientation, r.MaxRows = f.integer(2), f.integer(3)
		if at, ok := f[1282].(int64); ok {
			r.StartOffset = &at
		}
		r.WantMetadata = f.flag(1283)
		return
	}
	r.Session = handle(f.inner(1).inner(1))
	direct := f.inner(1281)
	r.Direct, r.MaxRows = direct != nil, direct.integer(1)
	switch r.Method {
	case "ExecuteStatement":
		r.Statement, r.Configuration = f.text(2), f.textMap(3)
		if f.flag(1282) {
			as := f.inner(1286)
			r.Arrow = &ArrowTypes{Timestamps: as.flag(1), Decimals: as.flag(2), Complex: as.flag(3), Nulls: as.flag(5)}
		}
		list, _ := f[1288].([]any)
		for _, item := range list {
			if p, ok := item.(fields); ok {
				r.Parameters = append(r.Parameters, parameter(p))
			}
		}
	case "GetInfo":
		r.InfoType = f.integer(2)
	case "GetSchemas", "GetTables", "GetColumns":
		r.Catalog, r.Schema, r.Table, r.Column = f.text(2), f.text(3), f.text(4), f.text(5)
	}
}

func handle(f fields) Handle { return Handle{f.text(1), f.text(2)} }

func parameter(f fields) Parameter {
	p := Parameter{Name: f.text(2), Type: f.text(3)}
	v := f.inner(4)
	switch {
	case v == nil:
	case v[1] != nil:
		s := v.text(1)
		p.Value = &s
	case v[2] != nil:
		s := fmt.Sprint(v[2])
		p.Value = &s
	case v[3] != nil:
		s := fmt.Sprint(v[3])
		p.Value = &s
	}
	return p
}

// Status is TStatus: a call went well, or what was wrong with it.
type Status struct {
	Code              int32 // 0 success, 3 error, 4 invalid handle
	SQLState, Message string
}

func (s Status) object() object {
	o := object{{1, s.Code}}
	if s.SQLState != "" {
		o = append(o, member{3, s.SQLState})
	}
	if s.Message != "" {
		o = append(o, member{5, s.Message}, member{6, s.Message})
	}
	return o
}

// The states of an operation.
const (
	Running  int32 = 1
	Finished int32 = 2
	Canceled int32 = 3
	Closed   int32 = 4
	Failed   int32 = 5
)

// OperationStatus is TGetOperationStatusResp. SQLState and Message are an error's.
type OperationStatus struct {
	State             int32
	SQLState, Message string
	HasRows           bool
	Modified          int64 // rows changed; below zero: not said
}

func (s OperationStatus) object() object {
	o := object{{1, Status{}.object()}, {2, s.State}}
	if s.SQLState != "" {
		o = append(o, member{3, s.SQLState})
	}
	if s.Message != "" {
		o = append(o, member{5, s.Message})
	}
	o = append(o, member{9, s.HasRows})
	if s.Modified >= 0 {
		o = append(o, member{11, s.Modified})
	}
	if s.Message != "" {
		o = append(o, member{1281, s.Message})
	}
	return o
}

// ColumnDesc describes a column of a result. TypeID is TTypeId.
type ColumnDesc struct {
	Name             string
	TypeID           int32
	Precision, Scale int32 // of DECIMAL (15)
}

// Metadata is TGetResultSetMetadataResp of a result in columns.
type Metadata []ColumnDesc

func (m Metadata) object() object { return m.in(Form{}) }

// Form says how a result is sent. Arrow is the schema message of a result in Arrow,
// and nil for one in columns; Staging marks an instruction for the client to move a
// file.
type Form struct {
	Arrow   []byte
	Staging bool
}

// Described is TGetResultSetMetadataResp of a result in any form.
type Described struct {
	Metadata
	Form
}

func (d Described) object() object { return d.in(d.Form) }

// The forms of a result: TSparkRowSetType.
const (
	arrowBased  int32 = 0
	columnBased int32 = 1
)

func (m Metadata) in(f Form) object {
	cols := make([]object, len(m))
	for i, c := range m {
		entry := object{{1, c.TypeID}}
		if c.TypeID == 15 {
			entry = append(entry, member{2, object{{1, qualifiers{"precision": {{1, c.Precision}}, "scale": {{1, c.Scale}}}}}})
		}
		types := object{{1, []object{{{1, entry}}}}}
		cols[i] = object{{1, c.Name}, {2, types}, {3, int32(i + 1)}}
	}
	o := object{{1, Status{}.object()}, {2, object{{1, cols}}}}
	if f.Arrow != nil {
		o = append(o, member{1281, arrowBased}, member{1282, false}, member{1283, f.Arrow})
	} else {
		o = append(o, member{1281, columnBased}, member{1282, false})
	}
	return append(o, member{1287, f.Staging})
}

// Values is one column of a page: a slice of bool, int8, int16, int32, int64,
// float64, string or []byte, with a bitmap of NULLs (the lowest bit first).
type Values struct {
	List  any
	Nulls []byte
}

func (v Values) object() object {
	id := int16(7)
	switch v.List.(type) {
	case []bool:
		id = 1
	case []int8:
		id = 2
	case []int16:
		id = 3
	case []int32:
		id = 4
	case []int64:
		id = 5
	case []float64:
		id = 6
	case [][]byte:
		id = 8
	}
	return object{{id, object{{1, v.List}, {2, v.Nulls}}}}
}

// ArrowBatch is TSparkArrowBatch: a record batch as one IPC message.
type ArrowBatch struct {
	Message []byte
	Rows    int64
}

// Page is TFetchResultsResp. Its rows are in Batches if that is not nil, or else
// in Columns.
type Page struct {
	Start    int64
	More     bool
	Columns  []Values
	Batches  []ArrowBatch
	Metadata Metadata // written only if not nil
	Form     Form
}

// rows is TRowSet.
func (p Page) rows() object {
	o := object{{1, p.Start}, {2, []object{}}}
	if p.Batches != nil {
		list := make([]object, len(p.Batches))
		for i, b := range p.Batches {
			list[i] = object{{1, b.Message}, {2, b.Rows}}
		}
		return append(o, member{1281, list})
	}
	cols := make([]object, len(p.Columns))
	for i, c := range p.Columns {
		cols[i] = c.object()
	}
	return append(o, member{3, cols}, member{5, int32(len(cols))})
}

func (p Page) object() object {
	o := object{{1, Status{}.object()}, {2, p.More}, {3, p.rows()}}
	if p.Metadata != nil {
		o = append(o, member{1281, p.Metadata.in(p.Form)})
	}
	return o
}

// Direct is TSparkDirectResults; Metadata and Page are nil where there are none.
type Direct struct {
	Status   OperationStatus
	Metadata *Metadata
	Form     Form
	Page     *Page
	Closed   bool
}

func (d Direct) object() object {
	o := object{{1, d.Status.object()}}
	if d.Metadata != nil {
		o = append(o, member{2, d.Metadata.in(d.Form)})
	}
	if d.Page != nil {
		o = append(o, member{3, d.Page.object()})
	}
	if d.Closed {
		o = append(o, member{4, object{{1, Status{}.object()}}})
	}
	return o
}

// Response is an answer: one of the functions below makes it.
type Response struct{ body object }

// Bare answers with a status alone.
func Bare(s Status) Response { return Response{object{{1, s.object()}}} }

// Opened answers OpenSession.
func Opened(h Handle, catalog, schema string) Response {
	return Response{object{{1, Status{}.object()}, {2, ProtocolVersion}, {3, object{{1, handleObject(h)}}},
		{1284, object{{1, catalog}, {2, schema}}}, {1285, true}}}
}

func handleObject(h Handle) object { return object{{1, []byte(h.GUID)}, {2, []byte(h.Secret)}} }

// Refused answers OpenSession with an error.
func Refused(s Status) Response {
	return Response{object{{1, s.object()}, {2, ProtocolVersion}}}
}

// Started answers a call that makes an operation.
func Started(h Handle, hasRows bool, d *Direct) Response {
	o := object{{1, Status{}.object()}, {2, object{{1, handleObject(h)}, {2, int32(0)}, {3, hasRows}}}}
	if d != nil {
		o = append(o, member{1281, d.object()})
	}
	return Response{o}
}

// Answer makes the answer of GetOperationStatus, GetResultSetMetadata or FetchResults.
func Answer(of interface{ object() object }) Response { return Response{of.object()} }

// Info answers GetInfo.
func Info(text string) Response {
	return Response{object{{1, Status{}.object()}, {2, object{{1, text}}}}}
}

// Write encodes the answer to a call.
func (r *Request) Write(ctx context.Context, a Response) ([]byte, error) {
	return r.message(ctx, thrift.REPLY, object{{0, a.body}})
}

// WriteFailure encodes a TApplicationException. Kind 1 is an unknown method.
func (r *Request) WriteFailure(ctx context.Context, kind int32, text string) ([]byte, error) {
	return r.message(ctx, thrift.EXCEPTION, object{{1, text}, {2, kind}})
}

func (r *Request) message(ctx context.Context, kind thrift.TMessageType, body object) ([]byte, error) {
	buffer := thrift.NewTMemoryBuffer()
	p := thrift.NewTBinaryProtocolConf(buffer, nil)
	if err := p.WriteMessageBegin(ctx, r.Method, kind, r.sequence); err != nil {
		return nil, err
	}
	if err := writeStruct(ctx, p, body); err != nil {
		return nil, fmt.Errorf("write answer of %q: %w", r.Method, err)
	}
	if err := p.WriteMessageEnd(ctx); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
