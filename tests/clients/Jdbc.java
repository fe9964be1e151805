import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** Goes through the JDBC driver: java Jdbc.java URL TOKEN SCHEMA. */
public class Jdbc {
  static int checks;

  static void want(Object got, Object want, String what) {
    checks++;
    if (!String.valueOf(got).equals(String.valueOf(want))) {
      System.err.println(what + ": " + got + ", want " + want);
      System.exit(1);
    }
  }

  static List<String> rows(ResultSet r) throws SQLException {
    List<String> out = new ArrayList<>();
    int n = r.getMetaData().getColumnCount();
    while (r.next()) {
      StringBuilder line = new StringBuilder();
      for (int i = 1; i <= n; i++) line.append(i > 1 ? "|" : "").append(r.getString(i));
      out.add(line.toString());
    }
    return out;
  }

  public static void main(String[] args) throws Exception {
    Properties p = new Properties();
    p.put("UID", "token");
    p.put("PWD", args[1]);
    String schema = args[2];
    try (Connection c = DriverManager.getConnection(args[0], p); Statement s = c.createStatement()) {
      s.execute("CREATE SCHEMA IF NOT EXISTS " + schema);
      s.execute("USE SCHEMA " + schema);
      s.execute("CREATE OR REPLACE TABLE t (id BIGINT NOT NULL, name STRING, price DECIMAL(10,2), at TIMESTAMP, day DATE, tags ARRAY<STRING>, ok BOOLEAN)");
      want(s.executeUpdate("INSERT INTO t VALUES (1, 'a', 1.50, TIMESTAMP '2024-01-02 03:04:05', DATE '2024-01-02', array('x', 'y'), true), (2, NULL, NULL, NULL, NULL, NULL, NULL)"), 2, "rows inserted");
      ResultSet r = s.executeQuery("SELECT id, name, price, at, day, ok FROM t ORDER BY id");
      r.next();
      want(r.getLong(1), 1, "id");
      want(r.getString("name"), "a", "name");
      want(r.getBigDecimal(3), new BigDecimal("1.50"), "price");
      want(r.getDate(5), "2024-01-02", "day");
      want(r.getBoolean(6), true, "ok");
      r.next();
      want(r.getString("name"), null, "name of the second row");
      want(r.wasNull(), true, "NULL");
      want(r.next(), false, "a third row");
      r = s.executeQuery("SELECT id FROM range(250000)");
      long sum = 0;
      while (r.next()) sum += r.getLong(1);
      want(sum, 249999L * 125000L, "sum of many rows");
      try (PreparedStatement ps = c.prepareStatement("SELECT name FROM t WHERE id = ? AND price > ?")) {
        ps.setLong(1, 1);
        ps.setBigDecimal(2, new BigDecimal("1.00"));
        want(rows(ps.executeQuery()), "[a]", "parameters");
      }
      DatabaseMetaData m = c.getMetaData();
      r = m.getTables(c.getCatalog(), schema, "%", null);
      List<String> names = new ArrayList<>();
      while (r.next()) names.add(r.getString("TABLE_SCHEM") + "." + r.getString("TABLE_NAME") + " " + r.getString("TABLE_TYPE"));
      want(names, "[" + schema + ".t TABLE]", "tables");
      r = m.getColumns(c.getCatalog(), schema, "t", "%");
      names.clear();
      while (r.next()) names.add(r.getString("COLUMN_NAME") + " " + r.getString("TYPE_NAME") + " " + r.getInt("ORDINAL_POSITION"));
      want(names.get(0), "id BIGINT 1", "first column");
      want(names.size(), 7, "columns");
      r = m.getSchemas(c.getCatalog(), schema);
      want(r.next(), true, "the schema is listed");
      try {
        s.executeQuery("SELECT * FROM nowhere");
        want("no error", "an error", "a table that is not there");
      } catch (SQLException e) {
        want(e.getMessage().contains("TABLE_OR_VIEW_NOT_FOUND"), true, e.getMessage());
      }
    }
    System.out.println("jdbc " + checks + " checks");
  }
}
