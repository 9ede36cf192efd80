import type { RequestContext } from '../../handler.ts'
import type { SaslExchange } from '../../security/sasl/exchange.ts'

/** A failure is told only after a while, and is the last that the connection hears. */
export async function afterFailure<T>(reply: T, { state }: SaslExchange, { origin, broker, signal }: RequestContext): Promise<T> {
  if (state.kind !== 'failed') return reply
  await new Promise<void>((resolve) => {
    const cancel = broker.clock.after(origin.session.failureDelayMs ?? 0, resolve)
    signal.addEventListener('abort', () => (cancel(), resolve()), { once: true })
  })
  origin.end()
  return reply
}
