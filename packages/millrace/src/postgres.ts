/** The sink for tables of PostgreSQL. A path of its own, as that of Kafka is. */
export * from '@millrace/engine/postgres'
