import { exitCodes } from './exit-codes.ts'

/** Where signals come from: the process, or a test. */
export interface SignalSource {
  on(signal: NodeJS.Signals, handler: () => void): unknown
  off(signal: NodeJS.Signals, handler: () => void): unknown
}

const codes: { readonly [signal in 'SIGINT' | 'SIGTERM' | 'SIGHUP']: number } = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.terminated,
}

/**
 * The first SIGINT (Ctrl-C), SIGTERM or SIGHUP asks for a clean stop, the second of any of them ends at once.
 * Answers what takes the handlers away again.
 */
export function handleSignals(source: SignalSource, stop: () => void, endNow: (exitCode: number) => void): () => void {
  let asked = false
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = (): void => {
      if (asked) return endNow(codes[signal])
      asked = true
      stop()
    }
    source.on(signal, handler)
    return { signal, handler }
  })
  return () => {
    for (const { signal, handler } of handlers) source.off(signal, handler)
  }
}
