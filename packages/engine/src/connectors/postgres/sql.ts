/** The statements, as text. Pure. Names are quoted: they count as they are written, capitals included. */

export interface TableName {
  readonly schema: string | undefined
  readonly name: string
}

/** 'orders' or 'shop.orders'; undefined for anything else. */
export function parseTable(text: string): TableName | undefined {
  const parts = text.split('.')
  if (parts.length > 2 || parts.some((part) => part === '' || part.includes('\u0000'))) return undefined
  return parts.length === 2 ? { schema: parts[0]!, name: parts[1]! } : { schema: undefined, name: parts[0]! }
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quotedTable({ schema, name }: TableName): string {
  return schema === undefined ? quoted(name) : `${quoted(schema)}.${quoted(name)}`
}

/** A process that is gone without a word holds its locks no longer than this. */
const IDLE_IN_TRANSACTION_MS = 60_000

/** Begins a transaction, with settings that end with it. What is acknowledged must survive a crash of the server. */
export function beginStatements(statementTimeoutMs: number): string {
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    `SET LOCAL statement_timeout = ${statementTimeoutMs}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`,
    `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`,
  ].join('; ')
}

export interface RowStatements {
  /** Takes an array of rows as JSON. */
  readonly write: string
  /** Takes an array of keys as JSON; undefined without keys. */
  readonly delete: string | undefined
}

export interface RowTarget {
  readonly table: TableName
  readonly columns: readonly string[]
  /** None: rows are only inserted. */
  readonly keys: readonly string[]
  /** What is done where a row of the key is there. */
  readonly onConflict: 'update' | 'ignore'
}

/** A column of the table as the database knows it, in its own words. */
export interface ColumnType {
  readonly name: string
  readonly type: string
  /** Where it is not the one of the type. */
  readonly collation: string | null
}

/**
 * Asks for the types of the table's columns, in the second of two answers. The first statement does nothing but hold the table as an insert does: nobody changes a type before the transaction ends.
 */
export function columnTypesStatements({ table, columns }: RowTarget): string {
  const into = quotedTable(table)
  const held = `EXPLAIN INSERT INTO ${into} (${columns.map(quoted).join(', ')}) VALUES (${columns.map(() => 'DEFAULT').join(', ')})`
  const collation = `(SELECT quote_ident(nspname) || '.' || quote_ident(collname) FROM pg_catalog.pg_collation AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.collnamespace WHERE c.oid = attcollation AND attcollation <> typcollation)`
  return `${held}; SELECT attname AS name, pg_catalog.format_type(atttypid, atttypmod) AS type, ${collation} AS collation FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_type AS t ON t.oid = atttypid WHERE attrelid = ${literal(into)}::regclass`
}

function literal(text: string): string {
  return `E'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`
}

/**
 * Rows go as one text of JSON, which the database reads as rows of these columns: any type, no limit of parameters. Not as rows of the table: a column that is not named, of a domain that takes no NULL,
 * would refuse each of them, whatever its default.
 */
export function rowStatements({ table, columns, keys, onConflict }: RowTarget, types: readonly ColumnType[]): RowStatements {
  const into = quotedTable(table)
  const typed = new Map(types.map(({ name, type, collation }) => [name, `${type}${collation === null ? '' : ` COLLATE ${collation}`}`]))
  const rowsOf = (names: readonly string[], alias: string): string =>
    `json_to_recordset($1::json) AS ${alias}(${names.map((name) => `${quoted(name)} ${typed.get(name)}`).join(', ')})`
  const names = columns.map(quoted).join(', ')
  const insert = `INSERT INTO ${into} (${names}) SELECT ${names} FROM ${rowsOf(columns, 'made')}`
  if (keys.length === 0) return { write: insert, delete: undefined }
  const others = columns.filter((column) => !keys.includes(column)).map((column) => `${quoted(column)} = EXCLUDED.${quoted(column)}`)
  const then = onConflict === 'ignore' || others.length === 0 ? 'NOTHING' : `UPDATE SET ${others.join(', ')}`
  const same = keys.map((key) => `present.${quoted(key)} = gone.${quoted(key)}`).join(' AND ')
  return {
    write: `${insert} ON CONFLICT (${keys.map(quoted).join(', ')}) DO ${then}`,
    delete: `DELETE FROM ${into} AS present USING ${rowsOf(keys, 'gone')} WHERE ${same}`,
  }
}

export interface CommitStatements {
  readonly create: string
  readonly addRun: string
  readonly fenceOthers: string
  readonly advance: string
  readonly advanceUnlessFenced: string
  readonly position: string
  /** The database's clock. */
  readonly now: string
  /** Takes a time of that clock in `$4`. */
  readonly prune: string
  readonly withdraw: string
}

/** `$1` and `$2` are job and sink, `$3` the run. */
export function commitStatements(commitTable: TableName): CommitStatements {
  const table = quotedTable(commitTable)
  const mine = 'job = $1 AND sink = $2 AND run = $3'
  const advance = `UPDATE ${table} SET batch = $4, checkpoint_id = $5, changed_at = now() WHERE ${mine} AND batch = $4::bigint - 1`
  return {
    create: `CREATE TABLE IF NOT EXISTS ${table} (job text NOT NULL, sink text NOT NULL, run text NOT NULL, subtask integer NOT NULL, attempt bigint NOT NULL, batch bigint NOT NULL, checkpoint_id bigint NOT NULL, fenced boolean NOT NULL, changed_at timestamptz NOT NULL, PRIMARY KEY (job, sink, run))`,
    addRun: `INSERT INTO ${table} (job, sink, run, subtask, attempt, batch, checkpoint_id, fenced, changed_at) VALUES ($1, $2, $3, $4, $5, 0, 0, false, now()) ON CONFLICT (job, sink, run) DO NOTHING`,
    // In one order: two that open at once must not wait for each other.
    fenceOthers: `UPDATE ${table} SET fenced = true, changed_at = now() WHERE job = $1 AND sink = $2 AND run IN (SELECT run FROM ${table} WHERE job = $1 AND sink = $2 AND run <> $3 AND NOT fenced AND subtask % $5::integer = $4::integer ORDER BY run FOR UPDATE)`,
    advance,
    advanceUnlessFenced: `${advance} AND NOT fenced`,
    position: `SELECT batch, checkpoint_id, fenced FROM ${table} WHERE ${mine}`,
    now: 'SELECT (extract(epoch FROM now()) * 1000)::float8 AS ms',
    prune: `DELETE FROM ${table} WHERE job = $1 AND sink = $2 AND fenced AND changed_at < to_timestamp($4::float8 / 1000) AND EXISTS (SELECT FROM ${table} WHERE ${mine} AND NOT fenced)`,
    withdraw: `DELETE FROM ${table} WHERE ${mine} AND batch = 0`,
  }
}
