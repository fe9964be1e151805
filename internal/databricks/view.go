package databricks

import "errors"

// followsTypes is the clause by which a view takes over the types that columns
// get later. Databricks Runtime 15.3 and later know it. See UnknownClause.
const followsTypes = "WITH SCHEMA TYPE EVOLUTION"

// CreateView makes a view. follows says that it takes over the types that its
// query's columns get later.
func CreateView(view Table, query string, follows bool, properties map[string]string) string {
	sql := "CREATE VIEW " + view.String() + "\n"
	if follows {
		sql += followsTypes + "\n"
	}
	if len(properties) > 0 {
		sql += "TBLPROPERTIES (" + propertyList(properties) + ")\n"
	}
	return sql + "AS\n" + query
}

// AlterView gives a view another query. Unlike CREATE OR REPLACE VIEW it leaves
// what was granted on the view.
func AlterView(view Table, query string) string {
	return "ALTER VIEW " + view.String() + " AS\n" + query
}

// FollowTypes lets a view take over the types that its query's columns get.
func FollowTypes(view Table) string { return "ALTER VIEW " + view.String() + " " + followsTypes }

// SetViewProperties sets properties of a view, of which there must be one at
// least.
func SetViewProperties(view Table, properties map[string]string) string {
	return "ALTER VIEW " + view.String() + " SET TBLPROPERTIES (" + propertyList(properties) + ")"
}

// CommentOnView gives a view its comment.
func CommentOnView(view Table, comment string) string {
	return "COMMENT ON TABLE " + view.String() + " IS " + Literal(comment)
}

// CommentOnColumn gives a column of a view its comment. ALTER VIEW … AS takes it
// away.
func CommentOnColumn(view Table, column, comment string) string {
	return "COMMENT ON COLUMN " + view.String() + "." + Quote(column) + " IS " + Literal(comment)
}

// SetViewTags gives a view tags, of which there must be one at least. A tag of the
// same name gets the value; others stay.
func SetViewTags(view Table, tags map[string]string) string {
	return "ALTER VIEW " + view.String() + " SET TAGS (" + propertyList(tags) + ")"
}

// DropView drops a view if it is there.
func DropView(view Table) string { return "DROP VIEW IF EXISTS " + view.String() }

// UnknownClause says that the warehouse does not know the statement's syntax, or
// has the feature switched off.
func UnknownClause(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && (s.SQLState == stateSyntaxError || s.SQLState == stateFeatureNotEnabled)
}

// ViewExists says that a view or table of the name was there already.
func ViewExists(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && s.Class == "TABLE_OR_VIEW_ALREADY_EXISTS"
}
