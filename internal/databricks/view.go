package databricks

import "errors"

// followsTypes is the clause that makes a view follow later type changes of its
// columns. It needs Databricks Runtime 15.3 or later. See UnknownClause.
const followsTypes = "WITH SCHEMA TYPE EVOLUTION"

// CreateView creates a view. If follows is set, the view follows later type
// changes of its query's columns.
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

// AlterView changes the query of a view. Unlike CREATE OR REPLACE VIEW, it
// keeps the grants on the view.
func AlterView(view Table, query string) string {
	return "ALTER VIEW " + view.String() + " AS\n" + query
}

// FollowTypes makes a view follow type changes of its query's columns.
func FollowTypes(view Table) string { return "ALTER VIEW " + view.String() + " " + followsTypes }

// SetViewProperties sets properties of a view, at least one.
func SetViewProperties(view Table, properties map[string]string) string {
	return "ALTER VIEW " + view.String() + " SET TBLPROPERTIES (" + propertyList(properties) + ")"
}

// CommentOnView sets the comment of a view.
func CommentOnView(view Table, comment string) string {
	return "COMMENT ON TABLE " + view.String() + " IS " + Literal(comment)
}

// CommentOnColumn sets the comment of a view's column. ALTER VIEW … AS removes
// it.
func CommentOnColumn(view Table, column, comment string) string {
	return "COMMENT ON COLUMN " + view.String() + "." + Quote(column) + " IS " + Literal(comment)
}

// SetViewTags sets tags of a view, at least one. A tag of the same name is
// overwritten; others stay.
func SetViewTags(view Table, tags map[string]string) string {
	return "ALTER VIEW " + view.String() + " SET TAGS (" + propertyList(tags) + ")"
}

// DropView drops a view if it exists.
func DropView(view Table) string { return "DROP VIEW IF EXISTS " + view.String() }

// UnknownClause reports whether the warehouse does not know the statement's
// syntax, or has the feature disabled.
func UnknownClause(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && (s.SQLState == stateSyntaxError || s.SQLState == stateFeatureNotEnabled)
}

// ViewExists reports whether a view or table of the name already existed.
func ViewExists(err error) bool {
	var s *StatementError
	return errors.As(err, &s) && s.Class == "TABLE_OR_VIEW_ALREADY_EXISTS"
}
