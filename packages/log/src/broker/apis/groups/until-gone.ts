/** What a request waits for, or 'close' as soon as its client has gone or the broker stops. */
export async function untilGone<T>(work: Promise<T>, signal: AbortSignal): Promise<T | 'close'> {
  if (signal.aborted) {
    work.catch(() => undefined)
    return 'close'
  }
  const { promise: gone, resolve } = Promise.withResolvers<'close'>()
  const onAbort = (): void => resolve('close')
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, gone])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => undefined)
  }
}
