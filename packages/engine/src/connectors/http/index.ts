/** Webhooks and server-sent events. */
export { serverSentEvents, type ServerSentEvent, type ServerSentEventsOptions } from './events/server-sent-events.ts'
export { webhookSink, type RefusedRequest, type WebhookSinkOptions } from './webhook/webhook-sink.ts'
