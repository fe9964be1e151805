// Package tcli is the wire form of TCLIService, the Thrift service (binary
// protocol over HTTP) through which Databricks' SQL clients talk to a warehouse:
// the calls that a warehouse answers, their arguments and their answers.
//
// It is written by hand over Apache Thrift's TProtocol. It knows neither SQL nor
// sessions. Fields that it does not know are skipped.
package tcli
