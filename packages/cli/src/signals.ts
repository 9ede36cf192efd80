import { nodeClock, type Clock } from '@millrace/core'
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

/** `timeout`, `npm run` and `npx` signal both their child and the process group that it is in: what was sent once comes twice, milliseconds apart. */
const SAME_SIGNAL_MS = 500

/**
 * The first SIGINT (Ctrl-C), SIGTERM or SIGHUP asks for a clean stop, the second of any of them ends at once; the same signal again within 500 ms is no second one.
 * Both are given the exit code of whoever ends by that signal. Answers what takes the handlers away again.
 */
export function handleSignals(
  source: SignalSource,
  stop: (exitCode: number) => void,
  endNow: (exitCode: number) => void,
  clock: Pick<Clock, 'monotonic'> = nodeClock,
): () => void {
  let asked: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = (): void => {
      if (asked === undefined) {
        stop(codes[signal])
        asked = { signal, atMs: clock.monotonic() }
      } else if (asked.signal !== signal || clock.monotonic() - asked.atMs > SAME_SIGNAL_MS) endNow(codes[signal])
    }
    source.on(signal, handler)
    return { signal, handler }
  })
  return () => {
    for (const { signal, handler } of handlers) source.off(signal, handler)
  }
}

/**
 * SIGTSTP (Ctrl-Z) lets the process stand still, as ever, but first `view` gives the terminal back. `standStill` sends the signal again, to whom nobody listens then, and
 * comes back when the process goes on. Answers what takes the handler away again.
 */
export function handleSuspension(
  source: SignalSource,
  view: { readonly suspend?: () => void; readonly resume?: () => void },
  standStill: () => void,
): () => void {
  const handler = (): void => {
    view.suspend?.()
    source.off('SIGTSTP', handler)
    standStill()
    source.on('SIGTSTP', handler)
    view.resume?.()
  }
  source.on('SIGTSTP', handler)
  return () => void source.off('SIGTSTP', handler)
}
