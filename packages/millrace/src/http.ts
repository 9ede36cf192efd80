/** Webhooks and server-sent events. A path of its own, as that of Kafka is. */
export * from '@millrace/engine/http'
