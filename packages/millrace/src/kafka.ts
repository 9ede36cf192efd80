/** Sources and sinks of any cluster that speaks Kafka's protocol. A path of its own: who uses no Kafka does not load its client. */
export * from '@millrace/engine/kafka'
