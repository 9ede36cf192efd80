/** Tables of PostgreSQL. */
export type { PostgresConnection, PostgresTls } from './connection.ts'
export { postgresSink, type PostgresSinkOptions } from './postgres-sink.ts'
export type { ColumnSource } from './rows.ts'
