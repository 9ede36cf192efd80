import type { RequestContext } from '../../handler.ts'

export interface BrokerPlace {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/** The brokers that live, where clients of the listener that this one came by reach them. */
export function brokersFor({ broker, client }: RequestContext): BrokerPlace[] {
  const { host, port } = broker.advertisedOn(client.listener)
  return [{ nodeId: broker.nodeId, host, port, rack: broker.config.get('broker.rack') ?? null }]
}
